// Orders about disk images, as one agent's core takes them: which disks go along, what is refused, and how a
// source and a destination get over a connection that breaks (docs/wan_migration.md).
#include "agent/core/core.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <vector>

namespace ballast::agent {
namespace {

constexpr Uuid numbered(std::uint8_t number) {
    Uuid uuid;
    uuid.bytes.fill(number);
    return uuid;
}

class AgentImageJobs : public testing::Test {
  protected:
    AgentImageJobs() {
        const CoreSettings settings{.host_name = "h1",
                                    .journal_id = numbered(1),
                                    .store_directory = "/srv/store",
                                    .images_directory = "/srv/images"};
        Arena counting;
        (void)Core{counting, settings};
        memory_.assign(counting.used_bytes() + 64, {});
        Arena arena{memory_};
        core_ = std::make_unique<Core>(arena, settings);
        truth_.domain.state = DomainState::running;
        truth_.domain.memory_kib = 1024;
        truth_.can_pv = truth_.can_shadow = truth_.store_proven = true;
        truth_.memory_free_kib = 1 << 20;
        truth_.disks.push({.device = "xvda", .path = "/srv/images/a/guest.img", .size_bytes = 4096});
    }

    void feed(const Event& event) {
        Actions actions;
        (void)core_->step(event, {{now_ms_}, {now_ms_}}, actions);
        std::deque<Action> todo(actions.begin(), actions.end());
        for (; !todo.empty(); todo.pop_front()) {
            const Action action = todo.front();
            Actions more;
            const Now now{{now_ms_}, {now_ms_}};
            switch (action.kind) {
                case ActionKind::persist:
                    record_ = core_->record(action.row);
                    (void)core_->step(PersistedEvent{action.row, true}, now, more);
                    break;
                case ActionKind::look: (void)core_->step(TruthEvent{action.row, truth_}, now, more); break;
                case ActionKind::call:
                    (void)core_->step(CalledEvent{action.row, Fault::none, {}}, now, more);
                    break;
                case ActionKind::file:
                    files_.push_back(action.file);
                    (void)core_->step(FiledEvent{action.row, file_fault_}, now, more);
                    break;
                case ActionKind::start_worker:
                case ActionKind::tell_worker:
                case ActionKind::kill_worker: done_.push_back(action); break;
                case ActionKind::report: last_ = core_->update(action.row); break;
                case ActionKind::refuse:
                    last_ = {};
                    last_.state = JobState::failed;
                    last_.fault = action.fault;
                    last_.detail = action.detail;
                    break;
                case ActionKind::forget:
                case ActionKind::ask_controller:
                case ActionKind::answer_controller: break;
            }
            todo.insert(todo.end(), more.begin(), more.end());
        }
    }
    wire::JobOrder order(JobKind kind) const {
        wire::JobOrder order;
        order.job_id = 5;
        order.kind = kind;
        order.uuid = numbered(7);
        order.name = "guest";
        order.deadline_ms = 600'000;
        order.migration_id = numbered(9);
        order.peer_host = "h2";
        order.peer_address = "192.0.2.2";
        order.peer_port = 7712;
        order.memory_kib = 1024;
        order.copy_storage = kind != JobKind::image_index;
        return order;
    }
    Fault refusal(const wire::JobOrder& what) {
        last_ = {};
        feed(OrderEvent{what});
        EXPECT_EQ(record_.job_id, 0U) << "refused, and on disk";
        return last_.fault;
    }
    Action take(ActionKind kind) {
        EXPECT_FALSE(done_.empty());
        const Action action = done_.empty() ? Action{} : done_.front();
        EXPECT_EQ(action.kind, kind);
        done_.erase(done_.begin(), done_.begin() + (done_.empty() ? 0 : 1));
        return action;
    }
    void open(WorkerId worker, const wire::MigrationOpen& what) { feed(IncomingOpenEvent{worker, {}, what}); }
    static wire::MigrationOpen opening() {
        wire::MigrationOpen open;
        open.version = limits::protocol_version;
        open.migration_id = numbered(9);
        open.uuid = numbered(7);
        open.name = "guest";
        open.source_host = "h2";
        open.copy_storage = true;
        open.disks.push({.device = "xvda", .path = "a/guest.img", .size_bytes = 4096});
        return open;
    }

    std::vector<std::byte> memory_;
    std::unique_ptr<Core> core_;
    Truth truth_;
    JobRecord record_;
    wire::JobUpdate last_;
    std::vector<Action> done_;
    std::vector<FileStep> files_;
    Fault file_fault_ = Fault::none;
    std::int64_t now_ms_ = 1'000'000;
};

TEST_F(AgentImageJobs, DisksOfTheDirectoryGoAlongAndThoseOfTheStoreDoNot) {
    truth_.disks.push({.device = "xvdb", .path = "/srv/store/data.img", .raw = false});
    truth_.disks.push({.device = "xvdc", .path = "/usr/share/system.iso", .writable = false});
    feed(OrderEvent{order(JobKind::migrate_out)});
    EXPECT_EQ(record_.stage, Stage::connecting);
    ASSERT_EQ(record_.disks.size(), 1U);
    EXPECT_EQ(record_.disks[0].path, "/srv/images/a/guest.img");
}

TEST_F(AgentImageJobs, AReadOnlyDiskOfTheDirectoryStaysForTheOthersThatUseIt) {
    const auto add = [this](const char* device, const char* path, bool raw) {
        truth_.disks.push(
            {.device = device, .path = path, .raw = raw, .writable = false, .size_bytes = 4096});
    };
    add("xvdb", "/srv/images/a/template.img", true);
    add("xvdc", "/srv/images/a/template.qcow2", false);
    feed(OrderEvent{order(JobKind::migrate_out)});
    ASSERT_EQ(record_.disks.size(), 1U);
    EXPECT_EQ(record_.disks[0].device, "xvda");
}

TEST_F(AgentImageJobs, AnIndexIsOfWhatWouldGoAlong) {
    truth_.disks[0].writable = false;
    EXPECT_EQ(refusal(order(JobKind::image_index)), Fault::not_found);
}

TEST_F(AgentImageJobs, AnImageThatAnotherGuestUsesIsNotTakenFromIt) {
    feed(OrderEvent{order(JobKind::migrate_out)});
    const WorkerId worker = take(ActionKind::start_worker).worker;
    feed(WorkerEvent{.worker = worker,
                     .news = WorkerNews::failed,
                     .fault = Fault::unsupported,
                     .detail = "other has it as well",
                     .suspend_asked = false});
    feed(WorkerGoneEvent{worker, {}});
    EXPECT_EQ(last_.state, JobState::failed);
    EXPECT_EQ(last_.fault, Fault::unsupported);
    EXPECT_EQ(last_.detail, "other has it as well");
    EXPECT_TRUE(files_.empty()) << "it keeps its name";
    EXPECT_TRUE(done_.empty()) << "and is not tried again";
}

TEST_F(AgentImageJobs, WhatCannotGoAlongIsRefused) {
    const auto with = [&](const GuestDisk& disk) {
        truth_.disks.clear();
        truth_.disks.push(disk);
        return refusal(order(JobKind::migrate_out));
    };
    EXPECT_EQ(with({.device = "xvda", .path = "/elsewhere/guest.img", .size_bytes = 1}),
              Fault::storage_mismatch);
    EXPECT_EQ(with({.device = "xvda", .path = "/srv/images-too/guest.img", .size_bytes = 1}),
              Fault::storage_mismatch);
    EXPECT_EQ(with({.device = "xvda", .path = "/srv/images/../guest.img", .size_bytes = 1}),
              Fault::unsupported);
    EXPECT_EQ(with({.device = "xvda", .path = "/srv/images/guest.img", .raw = false, .size_bytes = 1}),
              Fault::unsupported);
    EXPECT_EQ(with({.device = "xvda", .path = "/srv/images/guest.img", .size_bytes = 0}), Fault::unsupported);
    truth_.disks_fault = Fault::unsupported;
    EXPECT_EQ(refusal(order(JobKind::migrate_out)), Fault::unsupported);
}

TEST_F(AgentImageJobs, AnIndexIsMadeOfTheGuestsDisks) {
    feed(OrderEvent{order(JobKind::image_index)});
    const Action worker = take(ActionKind::start_worker);
    EXPECT_EQ(worker.op, WorkerOp::image_index);
    feed(WorkerEvent{.worker = worker.worker, .news = WorkerNews::done});
    feed(WorkerGoneEvent{worker.worker, {}});
    EXPECT_EQ(last_.state, JobState::succeeded);
}

TEST_F(AgentImageJobs, ASourceDialsAgainAfterACutAndGivesUpForAReason) {
    feed(OrderEvent{order(JobKind::migrate_out)});
    Action worker = take(ActionKind::start_worker);
    const auto accepted = [&](const Uuid& journal) {
        feed(WorkerEvent{.worker = worker.worker, .news = WorkerNews::accepted, .journal_id = journal});
    };
    accepted(numbered(2));
    EXPECT_EQ(take(ActionKind::tell_worker).tell, Tell::go);
    for (int cut = 0; cut < 20; ++cut) {
        ASSERT_EQ(record_.stage, Stage::copying);
        feed(WorkerEvent{
            .worker = worker.worker, .news = WorkerNews::failed, .fault = Fault::connection_lost});
        feed(WorkerGoneEvent{worker.worker, {}});
        EXPECT_TRUE(done_.empty()) << "not at once";
        now_ms_ += 5'000;
        feed(TickEvent{});
        worker = take(ActionKind::start_worker);
        accepted(numbered(2));
        EXPECT_EQ(take(ActionKind::tell_worker).tell, Tell::go);
    }
    feed(LimitEvent{5, 80});
    EXPECT_EQ(take(ActionKind::tell_worker).tell, Tell::limit);
    EXPECT_EQ(core_->record(0).bandwidth_mbps, 80U);
    feed(WorkerEvent{.worker = worker.worker, .news = WorkerNews::failed, .fault = Fault::no_disk_space});
    feed(WorkerGoneEvent{worker.worker, {}});
    EXPECT_EQ(last_.state, JobState::failed);
    EXPECT_EQ(last_.fault, Fault::no_disk_space);
}

TEST_F(AgentImageJobs, ALimitIsToldToWhoReadsItOnly) {
    const auto told = [this](std::uint32_t mbps) {
        done_.clear();
        feed(LimitEvent{5, mbps});
        EXPECT_EQ(core_->record(0).bandwidth_mbps, mbps) << "the next stage is told with its beginning";
        return !done_.empty();
    };
    for (const bool with_images : {true, false}) {
        wire::JobOrder what = order(JobKind::migrate_out);
        what.copy_storage = with_images;
        feed(OrderEvent{what});
        const WorkerId worker = take(ActionKind::start_worker).worker;
        ASSERT_EQ(core_->record(0).stage, Stage::connecting);
        EXPECT_FALSE(told(1)) << "it dials, and is told to go later";
        feed(WorkerEvent{.worker = worker, .news = WorkerNews::accepted, .journal_id = numbered(2)});
        if (with_images) {
            ASSERT_EQ(core_->record(0).stage, Stage::copying);
            EXPECT_TRUE(told(2));
            feed(WorkerEvent{.worker = worker, .news = WorkerNews::copied});
        }
        ASSERT_EQ(core_->record(0).stage, Stage::transferring);
        EXPECT_EQ(told(3), with_images) << "the images' last round comes after the memory";
        truth_.domain.state = DomainState::suspended;
        feed(WorkerEvent{.worker = worker, .news = WorkerNews::ready});
        ASSERT_EQ(core_->record(0).stage, Stage::commit_sent);
        EXPECT_FALSE(told(4));
        truth_.domain.state = DomainState::absent;
        feed(WorkerEvent{.worker = worker, .news = WorkerNews::started});
        EXPECT_EQ(last_.state, JobState::succeeded);
        feed(AckEvent{5});
        truth_.domain.state = DomainState::running;
        done_.clear();
    }
}

TEST_F(AgentImageJobs, ADestinationTakesTheSameSourceAgainAndNoOtherDisks) {
    truth_.domain.state = DomainState::absent;
    feed(OrderEvent{order(JobKind::migrate_in)});
    open(incoming_worker_bit | 1, opening());
    EXPECT_EQ(record_.stage, Stage::fetching);
    ASSERT_EQ(record_.disks.size(), 1U);
    EXPECT_EQ(record_.disks[0].path, "/srv/images/a/guest.img");
    EXPECT_EQ(take(ActionKind::tell_worker).tell, Tell::accept);
    // The connection breaks, and the source is quicker to come back than its end is noticed here.
    open(incoming_worker_bit | 2, opening());
    EXPECT_EQ(take(ActionKind::kill_worker).worker, incoming_worker_bit | 1);
    EXPECT_EQ(take(ActionKind::tell_worker).worker, incoming_worker_bit | 2);
    feed(WorkerGoneEvent{incoming_worker_bit | 1, {}});
    EXPECT_EQ(record_.stage, Stage::fetching);
    wire::MigrationOpen other = opening();
    other.disks.push({.device = "xvdb", .path = "b.img", .size_bytes = 1});
    open(incoming_worker_bit | 3, other);
    EXPECT_EQ(take(ActionKind::tell_worker).tell, Tell::refuse);
}

TEST_F(AgentImageJobs, ADestinationRefusesMoreMemoryThanItHasReserved) {
    truth_.domain.state = DomainState::absent;
    feed(OrderEvent{order(JobKind::migrate_in)});
    wire::MigrationOpen larger = opening();
    larger.memory_kib = 1025;
    open(incoming_worker_bit | 1, larger);
    const Action refused = take(ActionKind::tell_worker);
    EXPECT_EQ(refused.tell, Tell::refuse);
    EXPECT_EQ(refused.fault, Fault::no_memory);
    EXPECT_NE(refused.detail.view().find("1025 KiB"), std::string_view::npos) << refused.detail.view();
    EXPECT_NE(refused.detail.view().find("1024 KiB"), std::string_view::npos) << refused.detail.view();
    EXPECT_EQ(record_.stage, Stage::expecting);
    larger.memory_kib = 1024;
    open(incoming_worker_bit | 2, larger);
    EXPECT_EQ(take(ActionKind::tell_worker).tell, Tell::accept);
}

TEST_F(AgentImageJobs, ADestinationRefusesPlacesOutsideItsDirectory) {
    truth_.domain.state = DomainState::absent;
    feed(OrderEvent{order(JobKind::migrate_in)});
    for (const char* path : {"../guest.img", "/etc/passwd", "a//b", "", ".hidden", "a/.."}) {
        wire::MigrationOpen open_with = opening();
        open_with.disks[0].path = path;
        open(incoming_worker_bit | 1, open_with);
        EXPECT_EQ(take(ActionKind::tell_worker).tell, Tell::refuse) << path;
        EXPECT_EQ(record_.stage, Stage::expecting);
    }
}

TEST_F(AgentImageJobs, ARefusedDestinationTakesItsImagesBackOnceTheyHadTheirNames) {
    truth_.domain.state = DomainState::absent;
    feed(OrderEvent{order(JobKind::migrate_in)});
    const WorkerId worker = incoming_worker_bit | 1;
    open(worker, opening());
    feed(WorkerEvent{.worker = worker, .news = WorkerNews::fetched, .file_ids = {17}});
    EXPECT_EQ(record_.stage, Stage::receiving);
    EXPECT_TRUE(record_.published);
    EXPECT_EQ(record_.disks[0].file_id, 17U) << "what is taken back must be what came";
    feed(WorkerEvent{.worker = worker, .news = WorkerNews::failed, .fault = Fault::connection_lost});
    feed(WorkerGoneEvent{worker, {}});
    EXPECT_EQ(files_, std::vector{FileStep::retract_images});
    EXPECT_EQ(last_.state, JobState::failed);
}

}  // namespace
}  // namespace ballast::agent
