// Whatever dies when, the guest runs on exactly one host: docs/migration.md, tried at every step of the
// protocol.
#include "agent/core/core.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <string>

#include "agent_world.hpp"

namespace ballast::agent::model {
namespace {

constexpr Schedule schedules[] = {Schedule::source_first, Schedule::destination_first,
                                  Schedule::network_first};

std::size_t steps_without_failure(Schedule schedule) {
    World world{schedule};
    EXPECT_TRUE(world.run_to_quiescence()) << world.violation();
    return world.steps();
}

constexpr std::int64_t late_ms[] = {0, 60, 3000, 18'000, 45'000};
// How a guest takes its time in the random walk of this seed.
Lateness lateness_of(std::uint64_t seed) {
    Prng random{seed * 31};
    return {random.chance(0.1) ? 30'000 : late_ms[random.below(3)],
            late_ms[random.below(std::size(late_ms))]};
}

TEST(AgentHandover, MovesTheGuestWhenNothingFails) {
    for (const Schedule schedule : schedules) {
        World world{schedule};
        ASSERT_TRUE(world.run_to_quiescence()) << world.violation() << " " << world.describe();
        world.check_end();
        EXPECT_EQ(world.violation(), "") << world.describe();
        EXPECT_TRUE(world.moved()) << world.describe();
        EXPECT_GT(world.steps(), 50u);
    }
}

TEST(AgentHandover, TheGuestEndsUnderItsOwnNameThoughARenameFailsAtFirst) {
    for (const Schedule schedule : schedules) {
        World moving{schedule};
        moving.fail_renames(destination, 2);
        ASSERT_TRUE(moving.run_to_quiescence()) << moving.violation();
        moving.check_end();
        EXPECT_EQ(moving.violation(), "") << moving.describe();
        EXPECT_TRUE(moving.moved());
    }
    // Given back: the source has renamed its copy away, and cannot rename it back at once.
    std::size_t given_back = 0;
    for (std::size_t at = 0; at <= steps_without_failure(Schedule::source_first); ++at) {
        World returning{Schedule::source_first};
        while (returning.steps() < at && returning.step()) {
        }
        returning.inject(Failure::destination_agent);
        returning.fail_renames(source, 2);
        (void)returning.run_to_quiescence();
        returning.check_end();
        ASSERT_EQ(returning.violation(), "") << "at step " << at << ": " << returning.describe();
        given_back += returning.moved() ? 0 : 1;
    }
    EXPECT_GT(given_back, 10u);
}

TEST(AgentHandover, KeepsOneCopyRunningWhateverFailsAtWhateverStep) {
    std::size_t moved = 0;
    std::size_t stayed = 0;
    for (const Schedule schedule : schedules) {
        const std::size_t steps = steps_without_failure(schedule);
        for (std::size_t at = 0; at <= steps; ++at) {
            for (const Failure failure : failures) {
                World world{schedule};
                while (world.steps() < at && world.step()) {
                }
                world.inject(failure);
                (void)world.run_to_quiescence();
                world.check_end();
                ASSERT_EQ(world.violation(), "") << to_string(failure) << " at step " << at << ", schedule "
                                                 << static_cast<int>(schedule) << ": " << world.describe();
                ++(world.moved() ? moved : stayed);
            }
        }
    }
    // The enumeration reaches both ends of the protocol.
    EXPECT_GT(moved, 100u);
    EXPECT_GT(stayed, 100u);
}

// One test for each first failure, so that they can run side by side.
class AgentHandoverAfter : public testing::TestWithParam<Failure> {};

TEST_P(AgentHandoverAfter, KeepsOneCopyRunningWhateverFailsNext) {
    const std::size_t steps = steps_without_failure(Schedule::network_first);
    for (std::size_t at = 0; at <= steps; at += 3) {
        for (std::size_t later = 1; later <= 40; later += 4) {
            for (const Failure second : failures) {
                World world{Schedule::network_first};
                while (world.steps() < at && world.step()) {
                }
                world.inject(GetParam());
                while (world.steps() < at + later && world.step()) {
                }
                world.inject(second);
                (void)world.run_to_quiescence();
                world.check_end();
                ASSERT_EQ(world.violation(), "")
                    << to_string(GetParam()) << " at step " << at << ", " << to_string(second) << " " << later
                    << " later: " << world.describe();
            }
        }
    }
}

INSTANTIATE_TEST_SUITE_P(EveryFailure, AgentHandoverAfter, testing::ValuesIn(failures),
                         [](const testing::TestParamInfo<Failure>& failure) {
                             std::string name{to_string(failure.param)};
                             std::replace_if(
                                 name.begin(), name.end(),
                                 [](unsigned char c) { return std::isalnum(c) == 0; }, '_');
                             return name;
                         });

// It is asked to, whoever asked it dies, and it suspends itself when nobody expects it any more.
TEST(AgentHandover, AGuestThatSuspendsItselfLateRunsOn) {
    std::size_t late = 0;
    for (const Schedule schedule : schedules) {
        for (const Lateness lateness : {Lateness{0, 0}, Lateness{60, 3000}, Lateness{3000, 0},
                                        Lateness{0, 18'000}, Lateness{30'000, 5000}, Lateness{0, 45'000}}) {
            World undisturbed{schedule, 1, false, lateness};
            ASSERT_TRUE(undisturbed.run_to_quiescence()) << undisturbed.violation();
            EXPECT_TRUE(undisturbed.moved());
            for (std::size_t at = 0; at <= undisturbed.steps(); ++at) {
                for (const Failure failure : failures) {
                    World world{schedule, 1, false, lateness};
                    while (world.steps() < at && world.step()) {
                    }
                    world.inject(failure);
                    (void)world.run_to_quiescence();
                    world.check_end();
                    ASSERT_EQ(world.violation(), "")
                        << to_string(failure) << " at step " << at << ", late by " << lateness.takes_ms
                        << " + " << lateness.suspends_ms << " ms, schedule " << static_cast<int>(schedule)
                        << ": " << world.describe();
                    late += world.suspended_late() ? 1 : 0;
                }
            }
        }
    }
    EXPECT_GT(late, 20u);
}

// Nobody has asked the guest for anything: the order's answer does not wait to see whether it does something.
TEST(AgentHandover, ATransferThatBreaksBeforeTheGuestIsAskedEndsAtOnce) {
    std::size_t at_once = 0;
    for (std::size_t at = 0; at <= steps_without_failure(Schedule::source_first); ++at) {
        World world{Schedule::source_first};
        while (world.steps() < at && world.step()) {
        }
        world.inject(Failure::connection);
        (void)world.run_to_quiescence();
        at_once += !world.moved() && world.elapsed_ms() < 1000 ? 1 : 0;
    }
    EXPECT_GT(at_once, 10u);
}

TEST(AgentHandover, AGuestMovesWithItsImage) {
    for (const Schedule schedule : schedules) {
        World world{schedule, 1, true};
        ASSERT_TRUE(world.run_to_quiescence()) << world.violation() << " " << world.describe();
        world.check_end();
        EXPECT_EQ(world.violation(), "") << world.describe();
        EXPECT_TRUE(world.moved()) << world.describe();
    }
}

TEST(AgentHandover, KeepsOneCopyRunningAndItsImageWhateverFailsAtWhateverStep) {
    std::size_t moved = 0;
    std::size_t stayed = 0;
    std::size_t moved_after_a_cut = 0;
    for (const Schedule schedule : schedules) {
        World undisturbed{schedule, 1, true};
        ASSERT_TRUE(undisturbed.run_to_quiescence());
        for (std::size_t at = 0; at <= undisturbed.steps(); ++at) {
            for (const Failure failure : failures) {
                World world{schedule, 1, true};
                while (world.steps() < at && world.step()) {
                }
                world.inject(failure);
                (void)world.run_to_quiescence();
                world.check_end();
                ASSERT_EQ(world.violation(), "") << to_string(failure) << " at step " << at << ", schedule "
                                                 << static_cast<int>(schedule) << ": " << world.describe();
                ++(world.moved() ? moved : stayed);
                moved_after_a_cut += world.moved() && failure == Failure::connection ? 1 : 0;
            }
        }
    }
    EXPECT_GT(moved, 100u);
    EXPECT_GT(stayed, 100u);
    EXPECT_GT(moved_after_a_cut, 20u);
}

TEST(AgentHandover, KeepsOneCopyRunningAndItsImageOnRandomWalksThroughFailures) {
    for (std::uint64_t seed = 1; seed <= 3000; ++seed) {
        Prng random{seed * 1201};
        World world{Schedule::random, seed, true, lateness_of(seed)};
        const std::uint64_t failures_count = random.below(6);
        for (std::uint64_t i = 0; i < failures_count; ++i) {
            const std::size_t until = world.steps() + random.below(60);
            while (world.steps() < until && world.step()) {
            }
            world.inject(failures[random.below(std::size(failures))]);
        }
        (void)world.run_to_quiescence();
        world.check_end();
        ASSERT_EQ(world.violation(), "") << "seed " << seed << ": " << world.describe();
    }
}

TEST(AgentHandover, KeepsOneCopyRunningOnRandomWalksThroughFailures) {
    std::size_t moved = 0;
    std::size_t late = 0;
    for (std::uint64_t seed = 1; seed <= 6000; ++seed) {
        Prng random{seed * 977};
        World world{Schedule::random, seed, false, lateness_of(seed)};
        const std::uint64_t failures_count = random.below(6);
        for (std::uint64_t i = 0; i < failures_count; ++i) {
            const std::size_t until = world.steps() + random.below(60);
            while (world.steps() < until && world.step()) {
            }
            world.inject(failures[random.below(std::size(failures))]);
        }
        (void)world.run_to_quiescence();
        world.check_end();
        ASSERT_EQ(world.violation(), "") << "seed " << seed << ": " << world.describe();
        moved += world.moved() ? 1 : 0;
        late += world.suspended_late() ? 1 : 0;
    }
    EXPECT_GT(moved, 500u);
    EXPECT_GT(late, 50u);
}

}  // namespace
}  // namespace ballast::agent::model
