// A guest that suspends itself when the job that asked it has long ended: on whose word it is let run on, for
// how long it is looked at, and that it keeps nobody waiting.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "agent/core/core.hpp"

namespace ballast::agent {
namespace {

class LateGuest : public testing::Test {
  protected:
    LateGuest() { boot(); }

    void boot(const JobRecord* record = nullptr) {
        Arena counting;
        (void)Core{counting, {}};
        memory_.assign(counting.used_bytes() + 64, {});
        Arena arena{memory_};
        core_ = std::make_unique<Core>(arena, CoreSettings{.host_name = "h1"});
        actions_.clear();
        if (record != nullptr) {
            ASSERT_TRUE(core_->recover(*record, now()).ok());
            core_->start(now(), actions_);
            answer_all();
        }
    }
    Now now() const { return {{now_ms_}, {now_ms_}}; }

    // A save of the guest `number` whose worker dies while the guest may have been asked.
    void begin_save(std::uint8_t number = 7) {
        wire::JobOrder order;
        order.job_id = number;
        order.kind = JobKind::save;
        order.uuid.bytes.fill(number);
        order.name = "guest";
        order.deadline_ms = 60'000;
        state_ = DomainState::running;
        feed(OrderEvent{order});
    }
    void lose_worker() { feed(WorkerGoneEvent{worker_, {}}); }
    void pass(std::int64_t ms) {
        for (const std::int64_t end_ms = now_ms_ + ms; now_ms_ < end_ms;) {
            const std::optional<Instant> wake = core_->next_wake();
            now_ms_ = wake && wake->ms < end_ms ? std::max(wake->ms, now_ms_ + 1) : end_ms;
            feed(TickEvent{});
        }
    }
    // Until the save has failed, and the controller has heard of it.
    void end_unsettled() {
        begin_save();
        lose_worker();
        pass(25'000);
        ASSERT_EQ(ends_, 1u);
        feed(AckEvent{7});
    }
    void feed(const Event& event) {
        (void)core_->step(event, now(), actions_);
        answer_all();
    }

    DomainState state_ = DomainState::running;
    bool asked_by_others_ = false;
    std::size_t ends_ = 0;
    std::size_t forgotten_ = 0;
    std::size_t looks_ = 0;
    std::size_t late_calls_ = 0;
    Fault refusal_ = Fault::none;
    JobRecord record_;
    std::int64_t now_ms_ = 1'000'000;

  private:
    void answer_all() {
        for (std::size_t i = 0; i < actions_.size(); ++i) {
            const Action action = actions_[i];
            perform(action);
        }
        actions_.clear();
    }
    void perform(const Action& action) {
        if (action.kind == ActionKind::persist) {
            record_ = core_->record(action.row);
            (void)core_->step(PersistedEvent{action.row, true}, now(), actions_);
        } else if (action.kind == ActionKind::look) {
            ++looks_;
            Truth truth;
            truth.domain.uuid = core_->record(action.row).uuid;
            truth.domain.name = "guest";
            truth.domain.state = state_;
            truth.disk_free_bytes = std::uint64_t{1} << 40;
            (void)core_->step(TruthEvent{action.row, truth}, now(), actions_);
        } else if (action.kind == ActionKind::call) {
            const Fault fault = call(action.call);
            (void)core_->step(CalledEvent{action.row, fault, {}}, now(), actions_);
        } else if (action.kind == ActionKind::start_worker) {
            worker_ = action.worker;
        } else if (action.kind == ActionKind::report) {
            ends_ += ended(core_->update(action.row).state) ? 1 : 0;
        } else if (action.kind == ActionKind::forget) {
            ++forgotten_;
        } else if (action.kind == ActionKind::refuse) {
            refusal_ = action.fault;
        }
    }
    Fault call(Call what) {
        if (what == Call::withdraw_suspend) {
            return Fault::state_conflict;
        }
        late_calls_ += what == Call::resume_late ? 1 : 0;
        if (what == Call::resume_late && (asked_by_others_ || state_ != DomainState::suspended)) {
            return Fault::state_conflict;
        }
        state_ = DomainState::running;
        return Fault::none;
    }

    std::vector<std::byte> memory_;
    std::unique_ptr<Core> core_;
    Actions actions_;
    WorkerId worker_ = no_worker;
};

TEST_F(LateGuest, RunsOnThoughItsJobIsLongOver) {
    end_unsettled();
    EXPECT_EQ(forgotten_, 0u);
    EXPECT_NE(record_.detail.view().find("let run on"), std::string_view::npos) << record_.detail.view();
    pass(100'000);
    state_ = DomainState::suspended;
    pass(2000);
    EXPECT_EQ(state_, DomainState::running);
    EXPECT_EQ(forgotten_, 1u) << "nothing is left to be waited for";
    state_ = DomainState::suspended;
    pass(700'000);
    EXPECT_EQ(state_, DomainState::suspended) << "that is somebody else's";
}

TEST_F(LateGuest, RunsOnBeforeTheControllerHasHeardOfItsJobsEnd) {
    begin_save();
    lose_worker();
    pass(40'000);
    state_ = DomainState::suspended;
    pass(2000);
    EXPECT_EQ(state_, DomainState::running);
    EXPECT_EQ(forgotten_, 0u) << "the controller must hear of the job first";
    feed(AckEvent{7});
    EXPECT_EQ(forgotten_, 1u);
}

TEST_F(LateGuest, IsLeftAloneWhenSomebodyElseAskedItSince) {
    end_unsettled();
    asked_by_others_ = true;
    state_ = DomainState::suspended;
    pass(700'000);
    EXPECT_EQ(state_, DomainState::suspended);
    EXPECT_EQ(late_calls_, 1u);
    EXPECT_EQ(forgotten_, 1u);
}

TEST_F(LateGuest, IsNotLookedAtForEver) {
    end_unsettled();
    pass(590'000);
    EXPECT_EQ(forgotten_, 0u);
    pass(20'000);
    EXPECT_EQ(forgotten_, 1u);
    EXPECT_LT(looks_, 800u) << "once a second";
    const std::size_t before = looks_;
    pass(3'600'000);
    EXPECT_EQ(looks_, before);
}

TEST_F(LateGuest, ThatIsGoneIsForgotten) {
    end_unsettled();
    state_ = DomainState::absent;
    pass(2000);
    EXPECT_EQ(forgotten_, 1u);
}

TEST_F(LateGuest, KeepsNoNewJobWaiting) {
    end_unsettled();
    begin_save(8);  // of another guest
    EXPECT_EQ(refusal_, Fault::none);
    wire::JobOrder order;
    order.job_id = 9;
    order.kind = JobKind::pause;
    order.uuid.bytes.fill(7);
    order.name = "guest";
    order.deadline_ms = 60'000;
    feed(OrderEvent{order});
    EXPECT_EQ(refusal_, Fault::none) << "of this guest";
}

// The agent ends and comes again: its record still says that this guest was asked.
TEST_F(LateGuest, RunsOnByTheHandOfARestartedAgent) {
    begin_save();
    lose_worker();
    pass(25'000);
    const JobRecord record = record_;
    ASSERT_TRUE(ended(record.state));
    boot(&record);
    feed(AckEvent{7});
    state_ = DomainState::suspended;
    pass(2000);
    EXPECT_EQ(state_, DomainState::running);
    EXPECT_EQ(forgotten_, 1u);
}

TEST_F(LateGuest, LeavesHalfOfTheRowsToNewJobs) {
    for (std::uint8_t number = 1; number <= limits::agent_jobs_max; ++number) {
        begin_save(number);
        lose_worker();
        pass(25'000);
        feed(AckEvent{number});
        ASSERT_EQ(refusal_, Fault::none) << "job " << int{number};
    }
    EXPECT_GE(forgotten_, limits::agent_jobs_max / 2 - 1);
}

}  // namespace
}  // namespace ballast::agent
