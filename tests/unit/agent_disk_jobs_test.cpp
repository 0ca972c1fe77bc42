// Jobs on files of the store, and clones: what the core asks for, after which deaths.
#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <vector>

#include "agent/core/core.hpp"
#include "tests/unit/sealed_heap.hpp"

namespace ballast::agent {
namespace {

// A core with a shell that does at once what it is asked for, but for workers: the test says what becomes of
// them.
class AgentDiskJobs : public testing::Test {
  protected:
    AgentDiskJobs() {
        guest.bytes.fill(7);
        settings.host_name = "h1";
        settings.journal_id.bytes.fill(1);
        settings.store_directory = "/srv/store";
        boot();
    }
    // With the record of the job, if there is one: a restart.
    void boot() {
        Arena counting;
        (void)Core{counting, settings};
        memory.assign(counting.used_bytes(), std::byte{0});
        Arena arena{{memory.data(), memory.size()}};
        core = std::make_unique<Core>(arena, settings);
        running.clear();
        if (record.job_id != 0) {
            EXPECT_TRUE(core->recover(record, now()).ok());
        }
        Actions out;
        core->start(now(), out);
        perform(out);
    }
    Now now() const { return {{now_ms}, {now_ms}}; }
    void feed(const Event& event) {
        Actions out;
        {
            const ::ballast::test::SealedHeap seal;
            (void)core->step(event, now(), out);
        }
        perform(out);
    }
    void perform(const Actions& actions) {
        for (const Action& action : actions) {
            switch (action.kind) {
                case ActionKind::persist:
                    record = core->record(action.row);
                    feed(PersistedEvent{action.row, true});
                    break;
                case ActionKind::look: feed(TruthEvent{action.row, truth}); break;
                case ActionKind::call:
                    truth.domain.state = DomainState::running;
                    feed(CalledEvent{action.row, Fault::none, {}});
                    break;
                case ActionKind::start_worker: running.push_back(action); break;
                case ActionKind::kill_worker: killed.push_back(action.worker); break;
                case ActionKind::report: last = core->update(action.row); break;
                case ActionKind::refuse:
                    last = {};
                    last.state = JobState::failed;
                    last.fault = action.fault;
                    last.detail = action.detail;
                    break;
                case ActionKind::forget: record = {}; break;
                case ActionKind::file:
                case ActionKind::tell_worker:
                case ActionKind::ask_controller:
                case ActionKind::answer_controller: ADD_FAILURE() << "not asked for by such a job"; break;
            }
        }
    }
    wire::JobOrder order(JobKind kind) const {
        wire::JobOrder order;
        order.job_id = 5;
        order.kind = kind;
        order.uuid = guest;
        order.name = "desk";
        order.deadline_ms = 60'000;
        order.has_volume = true;
        order.volume = {
            .path = "disks/desk", .source = wire::VolumeSource::copy, .template_path = "template"};
        if (kind == JobKind::clone || kind == JobKind::create) {
            order.has_spec = true;
            order.spec.uuid = guest;
            order.spec.name = "desk";
            order.spec.memory_mib = 128;
        }
        return order;
    }
    void send(const wire::JobOrder& what) { feed(OrderEvent{what}); }
    Fault refusal(const wire::JobOrder& what) {
        last = {};
        send(what);
        EXPECT_TRUE(running.empty());
        return last.fault;
    }
    Action take_worker(WorkerOp op) {
        EXPECT_EQ(running.size(), 1U);
        const Action worker = running.empty() ? Action{} : running.front();
        running.clear();
        EXPECT_EQ(worker.op, op);
        return worker;
    }
    void ends(const Action& worker, WorkerNews news, Fault fault = Fault::none) {
        feed(WorkerEvent{.worker = worker.worker, .news = news, .fault = fault, .detail = "its reason"});
        feed(WorkerGoneEvent{worker.worker, {}});
    }
    void pass(std::int64_t ms) {
        now_ms += ms;
        feed(TickEvent{});
    }

    CoreSettings settings;
    Uuid guest;
    std::vector<std::byte> memory;
    std::unique_ptr<Core> core;
    Truth truth{.domain = {.state = DomainState::absent},
                .memory_free_kib = 1 << 20,
                .can_pv = true,
                .store_proven = true};
    JobRecord record;
    wire::JobUpdate last;
    std::vector<Action> running;
    std::vector<WorkerId> killed;
    std::int64_t now_ms = 1'000'000;
};

TEST_F(AgentDiskJobs, AreCarriedOutByAWorker) {
    for (const auto& [kind, op] : {std::pair{JobKind::disk_create, WorkerOp::disk_create},
                                   std::pair{JobKind::disk_delete, WorkerOp::disk_delete},
                                   std::pair{JobKind::golden_keep, WorkerOp::golden_keep}}) {
        truth.file_complete = kind == JobKind::golden_keep;
        send(order(kind));
        EXPECT_EQ(record.volume, order(kind).volume) << "what is to be done is on disk before it is done";
        const Action worker = take_worker(op);
        EXPECT_FALSE(worker.again);
        feed(WorkerEvent{.worker = worker.worker,
                         .news = WorkerNews::progress,
                         .effect = {.memory_bytes = 30, .wire_bytes = 120}});
        pass(1500);
        feed(WorkerEvent{.worker = worker.worker,
                         .news = WorkerNews::progress,
                         .effect = {.memory_bytes = 60, .wire_bytes = 120}});
        EXPECT_EQ(last.percent, 50U);
        ends(worker, WorkerNews::done);
        EXPECT_EQ(last.state, JobState::succeeded) << to_string(kind);
        feed(AckEvent{5});
    }
}

TEST_F(AgentDiskJobs, AreRefusedWithAReason) {
    const auto changed = [this](auto change) {
        wire::JobOrder what = order(JobKind::disk_create);
        change(what);
        return what;
    };
    EXPECT_EQ(refusal(changed([](auto& o) { o.has_volume = false; })), Fault::invalid_argument);
    EXPECT_EQ(refusal(changed([](auto& o) { o.volume.path = "../desk"; })), Fault::invalid_argument);
    EXPECT_EQ(refusal(changed([](auto& o) { o.volume.template_path = ""; })), Fault::invalid_argument);
    EXPECT_EQ(refusal(changed([](auto& o) { o.volume.source = wire::VolumeSource::blank; })),
              Fault::invalid_argument);
    EXPECT_EQ(refusal(order(JobKind::golden_keep)), Fault::not_found) << "no save file";
    truth.domain.state = DomainState::running;
    EXPECT_EQ(refusal(order(JobKind::disk_delete)), Fault::domain_in_use);
    truth.domain.state = DomainState::absent;
    truth.store_proven = false;
    for (const JobKind kind :
         {JobKind::disk_create, JobKind::disk_delete, JobKind::golden_keep, JobKind::clone}) {
        EXPECT_EQ(refusal(order(kind)), Fault::storage_mismatch) << to_string(kind);
    }
    settings.store_directory = "";
    boot();
    EXPECT_EQ(refusal(order(JobKind::disk_create)), Fault::unsupported);
}

TEST_F(AgentDiskJobs, AGuestWithADiskInAnUnprovenStoreIsNotStarted) {
    truth.store_proven = false;
    wire::JobOrder create = order(JobKind::create);
    create.spec.disks.push({.target = "/srv/store/disks/desk", .device = "xvda"});
    EXPECT_EQ(refusal(create), Fault::storage_mismatch);
    create.spec.disks.clear();
    create.spec.disks.push({.target = "/srv/store-of-another/desk", .device = "xvda"});
    send(create);
    take_worker(WorkerOp::create);
}

TEST_F(AgentDiskJobs, AWorkerThatFailsHasCleanedUpBehindItself) {
    send(order(JobKind::disk_create));
    ends(take_worker(WorkerOp::disk_create), WorkerNews::failed, Fault::no_disk_space);
    EXPECT_EQ(last.fault, Fault::no_disk_space);
    EXPECT_EQ(last.detail, "its reason");
    EXPECT_TRUE(running.empty());
}

TEST_F(AgentDiskJobs, WhatADeadWorkerLeftIsTakenAway) {
    send(order(JobKind::disk_create));
    feed(WorkerGoneEvent{take_worker(WorkerOp::disk_create).worker, "signal 9"});
    ends(take_worker(WorkerOp::disk_discard), WorkerNews::done);
    EXPECT_EQ(last.state, JobState::failed);
    EXPECT_EQ(last.fault, Fault::worker_died);
}

TEST_F(AgentDiskJobs, EndWithTheirReasonAlsoWhenNothingCanBeTakenAway) {
    send(order(JobKind::disk_create));
    feed(WorkerGoneEvent{take_worker(WorkerOp::disk_create).worker, "signal 9"});
    ends(take_worker(WorkerOp::disk_discard), WorkerNews::failed, Fault::io_failed);
    pass(60'000);
    EXPECT_EQ(last.fault, Fault::worker_died);
}

TEST_F(AgentDiskJobs, CanBeCancelled) {
    send(order(JobKind::disk_create));
    const Action worker = take_worker(WorkerOp::disk_create);
    feed(CancelEvent{5});
    ASSERT_EQ(killed, (std::vector<WorkerId>{worker.worker}));
    feed(WorkerGoneEvent{worker.worker, {}});
    ends(take_worker(WorkerOp::disk_discard), WorkerNews::done);
    EXPECT_EQ(last.state, JobState::cancelled);
}

TEST_F(AgentDiskJobs, GoOnAfterTheAgentsDeathOnceTheStoreIsProvenAnew) {
    send(order(JobKind::disk_create));
    take_worker(WorkerOp::disk_create);
    truth.store_proven = false;
    boot();
    EXPECT_TRUE(running.empty());
    pass(1000);
    EXPECT_TRUE(running.empty());
    truth.store_proven = true;
    pass(1000);
    const Action worker = take_worker(WorkerOp::disk_create);
    EXPECT_TRUE(worker.again);
    ends(worker, WorkerNews::done);
    EXPECT_EQ(last.state, JobState::succeeded);
}

TEST_F(AgentDiskJobs, DoNotWaitForAProofBeyondTheirDeadline) {
    send(order(JobKind::disk_create));
    take_worker(WorkerOp::disk_create);
    truth.store_proven = false;
    boot();
    pass(60'000);
    pass(60'000);
    ends(take_worker(WorkerOp::disk_discard), WorkerNews::failed, Fault::storage_mismatch);
    pass(60'000);
    EXPECT_EQ(last.fault, Fault::deadline_exceeded);
}

TEST_F(AgentDiskJobs, ACloneRunsWhenItIsWhole) {
    send(order(JobKind::clone));
    EXPECT_GE(core->reserved_kib(), 128U * 1024) << "its memory is spoken for";
    const Action worker = take_worker(WorkerOp::clone);
    truth.domain.state = DomainState::paused;
    ends(worker, WorkerNews::done);
    EXPECT_EQ(last.state, JobState::succeeded);
    EXPECT_EQ(truth.domain.state, DomainState::running);
}

TEST_F(AgentDiskJobs, AHalfMadeCloneIsDestroyed) {
    send(order(JobKind::clone));
    const Action worker = take_worker(WorkerOp::clone);
    truth.domain.state = DomainState::paused;
    feed(WorkerGoneEvent{worker.worker, "signal 9"});
    const Action destroyer = take_worker(WorkerOp::destroy);
    truth.domain.state = DomainState::absent;
    ends(destroyer, WorkerNews::done);
    EXPECT_EQ(last.state, JobState::failed);
    EXPECT_EQ(last.fault, Fault::worker_died);
}

TEST_F(AgentDiskJobs, ACloneWhoseNameOrUuidIsHereIsRefused) {
    truth.domain.state = DomainState::running;
    EXPECT_EQ(refusal(order(JobKind::clone)), Fault::already_exists);
    truth.domain.state = DomainState::absent;
    truth.memory_free_kib = 64 * 1024;
    EXPECT_EQ(refusal(order(JobKind::clone)), Fault::no_memory);
}

}  // namespace
}  // namespace ballast::agent
