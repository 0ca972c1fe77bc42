// An agent that starts again in the middle of a hand-over: what it says of the guest, and whose word
// it heeds.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "agent/core/core.hpp"

namespace ballast::agent {
namespace {

Uuid uuid_of(std::uint8_t byte) {
    Uuid uuid;
    uuid.bytes.fill(byte);
    return uuid;
}
const Uuid moving_guest = uuid_of(7);
const Uuid the_migration = uuid_of(8);

JobRecord record_of(JobKind kind, Stage stage) {
    JobRecord record;
    record.job_id = 5;
    record.kind = kind;
    record.stage = stage;
    record.state = JobState::running;
    record.uuid = moving_guest;
    record.name = "guest";
    record.begun = {1'000'000};
    record.deadline = {1'060'000};
    record.memory_kib = 131'072;
    record.migration_id = the_migration;
    record.peer_host = kind == JobKind::migrate_in ? "h0" : "h2";
    return record;
}

class Restarted {
  public:
    explicit Restarted(const JobRecord& record) {
        Arena counting;
        (void)Core{counting, {}};
        memory_.resize(counting.used_bytes() + 64);
        Arena arena{memory_};
        core_ = std::make_unique<Core>(arena, CoreSettings{.host_name = "h1"});
        EXPECT_TRUE(core_->recover(record, now).ok());
        core_->start(now, actions_);
    }

    const Core& core() const { return *core_; }
    Stage stage() const { return core_->record(0).stage; }
    bool asked_for(Call what) const {
        return std::any_of(actions_.begin(), actions_.end(), [what](const Action& action) {
            return action.kind == ActionKind::call && action.call == what;
        });
    }
    bool removes_file() const {
        return std::any_of(actions_.begin(), actions_.end(), [](const Action& action) {
            return action.kind == ActionKind::file && action.file == FileStep::discard_complete;
        });
    }
    void find_file() {
        Truth truth;
        truth.domain.uuid = moving_guest;
        truth.domain.state = DomainState::absent;
        truth.file_complete = true;
        feed(TruthEvent{0, truth});
    }
    void see(DomainState state, const char* name = "guest") {
        Truth truth;
        truth.domain.uuid = moving_guest;
        truth.domain.name = name;
        truth.domain.state = state;
        feed(TruthEvent{0, truth});
    }
    void hear(const Uuid& about, wire::Verdict verdict) {
        feed(AnswerEvent{{.migration_id = about, .source_host = "h1", .verdict = verdict}});
    }

  private:
    static constexpr Now now{{1'000'000}, {1'000'000}};
    void feed(const Event& event) {
        actions_.clear();
        (void)core_->step(event, now, actions_);
    }

    std::vector<std::byte> memory_;
    std::unique_ptr<Core> core_;
    Actions actions_;
};

TEST(AgentRestarted, SaysOfAGuestThatMayHaveLeftThatItDeparts) {
    const Restarted source{record_of(JobKind::migrate_out, Stage::commit_sent)};
    EXPECT_EQ(source.core().in_flight(moving_guest), wire::InFlight::departing);
    EXPECT_EQ(source.core().in_flight(uuid_of(9)), wire::InFlight::no);
    const Restarted before{record_of(JobKind::migrate_out, Stage::transferring)};
    EXPECT_EQ(before.core().in_flight(moving_guest), wire::InFlight::no) << "it is here, and stays";
}

TEST(AgentRestarted, SaysOfACopyThatMayNotRunYetThatItComes) {
    const Restarted destination{record_of(JobKind::migrate_in, Stage::restored)};
    EXPECT_EQ(destination.core().in_flight(moving_guest), wire::InFlight::incoming);
    EXPECT_EQ(destination.core().in_flight(uuid_of(9)), wire::InFlight::no);
}

TEST(AgentRestarted, HeedsTheDestinationsWordOnItsOwnMigrationOnly) {
    for (const wire::Verdict verdict :
         {wire::Verdict::running, wire::Verdict::refused, wire::Verdict::lost}) {
        Restarted source{record_of(JobKind::migrate_out, Stage::commit_sent)};
        source.see(DomainState::suspended);
        source.hear(uuid_of(9), verdict);
        EXPECT_EQ(source.stage(), Stage::commit_sent) << "of another migration";
        source.hear(the_migration, verdict);
        EXPECT_EQ(source.stage(), verdict == wire::Verdict::running   ? Stage::started
                                  : verdict == wire::Verdict::refused ? Stage::returned
                                                                      : Stage::out_lost);
    }
}

TEST(AgentRestarted, ASaveFileThatWasToBeRemovedIsRemovedStill) {
    for (const bool only_a_file : {true, false}) {
        JobRecord record = record_of(JobKind::destroy, Stage::destroying);
        record.only_a_file = only_a_file;
        Restarted host{record};
        host.find_file();
        EXPECT_EQ(host.removes_file(), only_a_file);
    }
}

// Else it would be taken for one that has not arrived, for good.
TEST(AgentRestarted, AGuestThatArrivedAndEndedMeanwhileGetsItsNameToo) {
    for (const DomainState state : {DomainState::running, DomainState::powered_off, DomainState::crashed}) {
        Restarted destination{record_of(JobKind::migrate_in, Stage::committed)};
        destination.see(state, "guest--incoming");
        EXPECT_TRUE(destination.asked_for(Call::rename_final)) << to_string(state);
    }
}

TEST(AgentRestarted, AGuestWhoseFateIsOpenIsNotSettledByAWordThatSettlesNothing) {
    Restarted source{record_of(JobKind::migrate_out, Stage::commit_sent)};
    source.see(DomainState::suspended);
    for (const wire::Verdict verdict : {wire::Verdict::pending, wire::Verdict::committed}) {
        source.hear(the_migration, verdict);
        EXPECT_EQ(source.stage(), Stage::commit_sent);
    }
}

}  // namespace
}  // namespace ballast::agent
