// Jobs that stay on one host: admission, and where the guest is after a crash at any step of create, save and
// restore.
#include "agent/core/core.hpp"

#include <gtest/gtest.h>

#include "tests/unit/agent_one_host.hpp"

namespace ballast::agent {
namespace {

// Runs `kind` with one death before each of its steps, and checks the end.
void try_all_deaths(JobKind kind, std::optional<DomainState> domain, bool complete,
                    const std::function<void(OneHost&, Death, std::size_t)>& check) {
    for (const Death death : {Death::agent, Death::worker, Death::host}) {
        for (std::size_t at = 0; at < 60; ++at) {
            OneHost host{domain};
            host.complete_ = complete;
            host.may_destroy_ = kind == JobKind::destroy;
            host.order(kind);
            for (std::size_t i = 0; i < at && !host.final_report(); ++i) {
                host.step();
            }
            host.die(death);
            host.run();
            check(host, death, at);
        }
    }
}

TEST(AgentJobs, CreateEndsWithARunningGuestOrWithNone) {
    try_all_deaths(JobKind::create, {}, false, [](OneHost& host, Death death, std::size_t at) {
        EXPECT_TRUE(host.runs() || host.absent()) << "death " << static_cast<int>(death) << " at " << at;
        if (host.final_report() && death != Death::host) {
            EXPECT_EQ(host.final_report()->state == JobState::succeeded, host.runs()) << "at " << at;
        }
    });
}

TEST(AgentJobs, SaveLeavesTheGuestInItsDomainOrInItsFileAndNeverInBoth) {
    try_all_deaths(
        JobKind::save, DomainState::running, false, [](OneHost& host, Death death, std::size_t at) {
            const std::string where =
                "death " + std::to_string(static_cast<int>(death)) + " at " + std::to_string(at);
            EXPECT_FALSE(host.runs() && host.complete_) << where;
            EXPECT_FALSE(host.partial_) << where;
            if (death != Death::host) {
                EXPECT_TRUE(host.runs() || (host.complete_ && host.absent())) << where;
            }
            if (host.final_report()) {
                EXPECT_EQ(host.final_report()->state == JobState::succeeded, host.complete_) << where;
            }
        });
}

TEST(AgentJobs, AGuestThatSuspendsItselfAfterItsSaveWasInterruptedRunsOn) {
    std::size_t late = 0;
    for (const model::Lateness lateness :
         {model::Lateness{0, 0}, model::Lateness{60, 3000}, model::Lateness{3000, 18'000},
          model::Lateness{30'000, 0}, model::Lateness{0, 45'000}}) {
        for (const Death death : {Death::agent, Death::worker}) {
            for (std::size_t at = 0; at < 60; ++at) {
                OneHost host{DomainState::running};
                host.be_late(lateness);
                host.order(JobKind::save);
                for (std::size_t i = 0; i < at && !host.final_report(); ++i) {
                    host.step();
                }
                host.die(death);
                host.run();
                const std::string where = "death " + std::to_string(static_cast<int>(death)) + " at " +
                                          std::to_string(at) + ", late by " +
                                          std::to_string(lateness.takes_ms) + " + " +
                                          std::to_string(lateness.suspends_ms) + " ms";
                EXPECT_FALSE(host.stranded()) << where;
                EXPECT_TRUE(host.runs() || (host.complete_ && host.absent())) << where;
                EXPECT_FALSE(host.partial_) << where;
                late += host.suspended_late() ? 1 : 0;
            }
        }
    }
    EXPECT_GT(late, 5u);
}

TEST(AgentJobs, ASaveFileThatCannotBeRenamedLetsItsGuestRunOnAndSaysWhy) {
    for (const bool stuck : {false, true}) {
        OneHost host{DomainState::running};
        host.fails_ = [stuck](FileStep step) {
            return step == FileStep::publish || (stuck && step == FileStep::discard_partial);
        };
        host.order(JobKind::save);
        host.run();
        ASSERT_TRUE(host.final_report());
        EXPECT_EQ(host.final_report()->state, JobState::failed);
        EXPECT_EQ(host.final_report()->fault, Fault::io_failed);
        EXPECT_EQ(host.final_report()->detail.view(),
                  "the save file could not be renamed (3 attempts): the guest has been let run on");
        EXPECT_TRUE(host.runs());
        EXPECT_FALSE(host.complete_);
        EXPECT_EQ(host.partial_, stuck) << "its image is of no use any more";
    }
}

TEST(AgentJobs, RestoreNeverRunsAGuestWhoseFileCouldBeRestoredAgain) {
    try_all_deaths(JobKind::restore, {}, true, [](OneHost& host, Death death, std::size_t at) {
        const std::string where =
            "death " + std::to_string(static_cast<int>(death)) + " at " + std::to_string(at);
        EXPECT_FALSE(host.ever_lost_twice()) << where;
        EXPECT_TRUE(host.runs() || host.absent()) << where;
        if (death != Death::host) {
            EXPECT_NE(host.runs(), host.complete_) << where;
            EXPECT_FALSE(host.consumed_) << where;
        } else {
            EXPECT_TRUE(host.complete_ || host.consumed_ || host.final_report()) << where;
        }
    });
}

TEST(AgentJobs, ARestoredGuestDoesNotRunUntilItsFileIsSeenUnderItsNewName) {
    OneHost host;
    host.complete_ = true;
    host.fails_ = [&host](FileStep step) {
        host.complete_ = host.complete_ && step != FileStep::consume;  // it is gone, and not renamed
        return true;
    };
    host.order(JobKind::restore);
    host.run();
    ASSERT_TRUE(host.final_report());
    EXPECT_EQ(host.final_report()->fault, Fault::io_failed);
    EXPECT_EQ(host.domain_, DomainState::paused) << "for an operator to look at";
}

TEST(AgentJobs, AnUnpauseThatIsCancelledInTimeLeavesTheGuestPaused) {
    OneHost host{DomainState::paused};
    host.order(JobKind::unpause);
    while (!host.has_record()) {
        ASSERT_TRUE(host.step());
    }
    host.cancel();
    host.run();
    ASSERT_TRUE(host.final_report());
    EXPECT_EQ(host.final_report()->state, JobState::cancelled);
    EXPECT_EQ(host.domain_, DomainState::paused);
}

TEST(AgentJobs, ASaveFileToBeDeletedThatIsNotThereIsNotFound) {
    for (const bool there : {false, true}) {
        OneHost host;
        host.complete_ = there;
        host.order(JobKind::destroy,
                   [](wire::JobOrder& order) { order.expected_states.push(DomainState::absent); });
        host.run();
        EXPECT_EQ(host.refusal(), there ? Fault::none : Fault::not_found);
        EXPECT_FALSE(host.complete_);
    }
}

TEST(AgentJobs, AnOrderIsRefusedWhenNoRecordOfItIsLeft) {
    OneHost host{DomainState::running};
    host.writes_fail_ = 1;  // and it is there all the same
    host.removals_fail_ = 3;
    host.order(JobKind::destroy);
    for (int i = 0; i < 200 && host.refusal() == Fault::none; ++i) {
        EXPECT_TRUE(host.has_record() || host.refusal() == Fault::none);
        host.step();
    }
    EXPECT_EQ(host.refusal(), Fault::io_failed);
    EXPECT_FALSE(host.has_record()) << "a restarted agent would destroy the guest after all";
    EXPECT_TRUE(host.runs());
    EXPECT_EQ(host.removals_fail_, 0);
    host.die(Death::agent);
    host.run();
    EXPECT_TRUE(host.runs());
}

TEST(AgentJobs, ShutdownAndDestroyEndWhateverDies) {
    for (const JobKind kind : {JobKind::shutdown, JobKind::destroy, JobKind::pause}) {
        try_all_deaths(kind, DomainState::running, false, [kind](OneHost& host, Death death, std::size_t at) {
            if (host.final_report()) {
                const bool done =
                    kind == JobKind::pause ? host.domain_ == DomainState::paused : host.absent();
                if (death != Death::host) {
                    EXPECT_EQ(host.final_report()->state == JobState::succeeded, done) << "at " << at;
                }
            }
        });
    }
}

Fault refusal_of(
    JobKind kind, std::optional<DomainState> domain, std::function<void(OneHost&)> prepare = {},
    std::function<void(wire::JobOrder&)> change = [](wire::JobOrder&) {}) {
    OneHost host{domain};
    if (prepare) {
        prepare(host);
    }
    host.order(kind, std::move(change));
    for (int i = 0; i < 4; ++i) {
        host.step();
    }
    return host.refusal();
}

TEST(AgentJobs, RefuseAGuestThatIsNotInTheRightState) {
    constexpr auto running = DomainState::running;
    constexpr auto paused = DomainState::paused;
    EXPECT_EQ(refusal_of(JobKind::create, running), Fault::already_exists);
    EXPECT_EQ(refusal_of(JobKind::migrate_in, running), Fault::already_exists);
    EXPECT_EQ(refusal_of(JobKind::save, paused), Fault::guest_paused);
    EXPECT_EQ(refusal_of(JobKind::migrate_out, paused), Fault::guest_paused);
    EXPECT_EQ(refusal_of(JobKind::pause, DomainState::suspended), Fault::state_conflict);
    EXPECT_EQ(refusal_of(JobKind::pause, {}), Fault::not_found);
    EXPECT_EQ(refusal_of(JobKind::restore, {}), Fault::not_found);
    EXPECT_EQ(refusal_of(JobKind::pause, running), Fault::none);
    EXPECT_EQ(refusal_of(JobKind::pause, running, {},
                         [](wire::JobOrder& order) { order.expected_states.push(DomainState::paused); }),
              Fault::state_conflict);
}

TEST(AgentJobs, RefuseWhatTheHostHasNoRoomFor) {
    const auto little = [](OneHost& host) { host.truth_.memory_free_kib = 130'000; };
    EXPECT_EQ(refusal_of(JobKind::create, {}, little), Fault::no_memory);
    EXPECT_EQ(refusal_of(JobKind::migrate_in, {}, little), Fault::no_memory);
    EXPECT_EQ(refusal_of(JobKind::save, DomainState::running,
                         [](OneHost& host) { host.truth_.disk_free_bytes = 1000; }),
              Fault::no_disk_space);
    EXPECT_EQ(refusal_of(JobKind::create, {}, [](OneHost& host) { host.truth_.name_taken = true; }),
              Fault::already_exists);
    EXPECT_EQ(refusal_of(JobKind::create, {}, [](OneHost& host) { host.complete_ = true; }),
              Fault::already_exists);
}

TEST(AgentJobs, RefuseLiveMigrationWithoutDirtyTrackingAndTakeStopAndCopyInstead) {
    OneHost host{DomainState::running};
    host.truth_.can_shadow = false;
    host.order(JobKind::migrate_out, [](wire::JobOrder& order) { order.mode = MigrationMode::live; });
    for (int i = 0; i < 4; ++i) {
        host.step();
    }
    EXPECT_EQ(host.refusal(), Fault::live_migration_unavailable);
    for (const MigrationMode mode : {MigrationMode::stop_and_copy, MigrationMode::automatic}) {
        OneHost other{DomainState::running};
        other.truth_.can_shadow = false;
        other.order(JobKind::migrate_out, [mode](wire::JobOrder& order) { order.mode = mode; });
        for (int i = 0; i < 4; ++i) {
            other.step();
        }
        EXPECT_EQ(other.refusal(), Fault::none);
    }
}

TEST(AgentJobs, RefuseOrdersThatMakeNoSense) {
    constexpr auto running = DomainState::running;
    const std::vector<std::function<void(wire::JobOrder&)>> mistakes{
        [](wire::JobOrder& order) { order.job_id = 0; },
        [](wire::JobOrder& order) { order.uuid = {}; },
        [](wire::JobOrder& order) { order.name = "../etc"; },
        [](wire::JobOrder& order) { order.deadline_ms = 0; },
        [](wire::JobOrder& order) { order.kind = JobKind::migrate; },
        [](wire::JobOrder& order) { order.migration_id = {}; },
        [](wire::JobOrder& order) { order.peer_host = "h1"; },
        [](wire::JobOrder& order) { order.peer_port = 0; },
    };
    for (const auto& mistake : mistakes) {
        EXPECT_EQ(refusal_of(JobKind::migrate_out, running, {}, mistake), Fault::invalid_argument);
    }
}

TEST(AgentJobs, CancelledSaveLetsTheGuestRunOn) {
    OneHost host{DomainState::running};
    host.order(JobKind::save);
    for (int i = 0; i < 200 && host.domain_ != DomainState::suspended; ++i) {
        host.step();
    }
    ASSERT_EQ(host.domain_, DomainState::suspended);
    host.cancel();
    host.run();
    ASSERT_TRUE(host.final_report());
    EXPECT_EQ(host.final_report()->state, JobState::cancelled);
    EXPECT_TRUE(host.runs());
    EXPECT_FALSE(host.partial_);
}

}  // namespace
}  // namespace ballast::agent
