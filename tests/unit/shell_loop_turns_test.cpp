#include "shell/loop_turns.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <memory>

namespace ballast {
namespace {

constexpr auto task_names = std::to_array<std::string_view>({"other", "first", "second"});
constexpr LoopPart first = 1;
constexpr LoopPart second = 2;

void use_time(std::int64_t ns) {
    for (const std::int64_t began = mono_ns(); mono_ns() - began < ns;) {
    }
}

TEST(LoopTurns, TimeIsOfThePartInWhichItsTimerWasMade) {
    Loop loop;
    const LoopTurns turns{loop, task_names};
    (void)loop.enter(second);
    Timer last{loop, [&] { loop.stop(); }};
    (void)loop.enter(first);
    Timer busy{loop, [&] {
                   use_time(2'000'000);
                   last.start_once(milliseconds(0));  // the turn that stops the loop is not counted
               }};
    (void)loop.enter(0);
    busy.start_once(milliseconds(0));
    loop.run();
    EXPECT_GE(turns.total_seconds(first), 0.002);
    EXPECT_GE(turns.longest_seconds(first), 0.002);
    EXPECT_EQ(turns.total_seconds(second), 0);
    EXPECT_GE(turns.longest_seconds(), turns.longest_seconds(first));
    EXPECT_GE(turns.turns(), 1U);
}

TEST(LoopTurns, WhatACallbackMakesIsOfItsPart) {
    Loop loop;
    (void)loop.enter(second);
    std::unique_ptr<Timer> made;
    LoopPart part_of_made = 0;
    Timer maker{loop, [&] {
                    made = std::make_unique<Timer>(loop, [&] {
                        part_of_made = loop.part();
                        loop.stop();
                    });
                    made->start_once(milliseconds(0));
                }};
    (void)loop.enter(0);
    maker.start_once(milliseconds(0));
    loop.run();
    EXPECT_EQ(part_of_made, second);
    EXPECT_EQ(loop.part(), 0) << "a callback's part ends with it";
}

TEST(LoopTurns, PartsAddUpToTheTurnAndAChargeMovesTimeBetweenThem) {
    Loop loop;
    loop.count_times(mono_ns());
    {
        const LoopScope scope{loop, first};
        use_time(1'000'000);
        loop.charge(second, 400'000);
    }
    const LoopTimes before = loop.times(mono_ns());
    EXPECT_EQ(before[second], 400'000);
    EXPECT_GE(before[first], 600'000);
    loop.count_times(1'000);
    const LoopTimes& after = loop.times(5'000);
    EXPECT_EQ(after[0], 4'000) << "since it was begun anew";
    EXPECT_EQ(after[first], 0);
}

TEST(LoopTurns, APartIsSpentAfterItsTimeOfATurnAndOnlyThen) {
    Loop loop;
    const LoopScope scope{loop, first};
    EXPECT_FALSE(loop.part_is_spent()) << "nothing is counted";
    loop.count_times(mono_ns());
    use_time(Loop::part_budget.ms * 1'000'000);
    EXPECT_TRUE(loop.part_is_spent());
    loop.count_times(mono_ns() + 60'000'000'000);
    EXPECT_FALSE(loop.part_is_spent()) << "the turn is new";
}

TEST(LoopTurns, WaitingInACallbackIsTimeWithoutAProcessor) {
    Loop loop;
    const LoopTurns turns{loop, task_names};
    Timer last{loop, [&] { loop.stop(); }};
    Timer waits{loop, [&] {
                    ::usleep(30'000);
                    last.start_once(milliseconds(0));
                }};
    waits.start_once(milliseconds(0));
    loop.run();
    EXPECT_GE(turns.longest_off_cpu_seconds(), 0.02);
    EXPECT_GE(turns.slow_turns(), 1U);
}

TEST(LoopTurns, WhatComesBeforeTheFirstTurnIsNone) {
    Loop loop;
    const LoopTurns turns{loop, task_names};
    use_time(2'000'000);
    EXPECT_EQ(turns.turns(), 0U);
    Timer last{loop, [&] { loop.stop(); }};
    last.start_once(milliseconds(0));
    loop.run();
    EXPECT_EQ(turns.turns(), 0U) << "nor is the one that stops the loop";
    EXPECT_EQ(turns.longest_seconds(), 0);
}

}  // namespace
}  // namespace ballast
