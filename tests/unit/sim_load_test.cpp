#include "xen_glue/sim/load.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

namespace ballast::sim {
namespace {

constexpr std::uint32_t step_ms = 1000;

LoadProfile profile_of(LoadKind kind, std::uint32_t mean, std::uint32_t spread,
                       std::uint32_t period_s = 100) {
    LoadProfile profile;
    profile.kind = kind;
    profile.mean_permille = mean;
    profile.spread_permille = spread;
    profile.period_s = period_s;
    return profile;
}

// Steps until the generator's age is `age_s`.
void run_to(LoadGenerator& load, std::uint64_t age_s) {
    while (load.age_ms < age_s * 1000) {
        step_load(load, step_ms);
    }
}

TEST(SimLoad, EqualSeedsGiveEqualCurves) {
    for (const LoadKind kind : {LoadKind::random_walk, LoadKind::bursts, LoadKind::steps}) {
        LoadGenerator a = start_load(profile_of(kind, 400, 200), 11);
        LoadGenerator b = start_load(profile_of(kind, 400, 200), 11);
        LoadGenerator other = start_load(profile_of(kind, 400, 200), 12);
        bool differs = false;
        for (int i = 0; i < 500; ++i) {
            step_load(a, step_ms);
            step_load(b, step_ms);
            step_load(other, step_ms);
            ASSERT_EQ(a.load_permille, b.load_permille);
            differs |= a.load_permille != other.load_permille;
        }
        EXPECT_TRUE(differs) << to_string(kind);
    }
}

TEST(SimLoad, ARandomWalkStaysAroundItsMeanWithItsSpread) {
    LoadGenerator load = start_load(profile_of(LoadKind::random_walk, 500, 80), 5);
    double sum = 0;
    double squares = 0;
    constexpr int count = 20'000;
    for (int i = 0; i < count; ++i) {
        step_load(load, step_ms);
        sum += load.load_permille;
        squares += static_cast<double>(load.load_permille) * load.load_permille;
    }
    const double mean = sum / count;
    EXPECT_NEAR(mean, 500, 8);
    EXPECT_NEAR(std::sqrt(squares / count - mean * mean), 80, 8);
}

TEST(SimLoad, ARampRisesOnceAndStays) {
    LoadGenerator load = start_load(profile_of(LoadKind::ramp, 500, 400), 1);
    EXPECT_EQ(load.load_permille, 100u);
    run_to(load, 50);
    EXPECT_EQ(load.load_permille, 500u);
    run_to(load, 100);
    EXPECT_EQ(load.load_permille, 900u);
    run_to(load, 1000);
    EXPECT_EQ(load.load_permille, 900u);
}

TEST(SimLoad, StepsSpendHalfOfTheirTimeHigh) {
    LoadGenerator load = start_load(profile_of(LoadKind::steps, 500, 300), 1);
    int high = 0;
    for (int i = 0; i < 1000; ++i) {
        step_load(load, step_ms);
        ASSERT_TRUE(load.load_permille == 200 || load.load_permille == 800);
        high += load.load_permille == 800 ? 1 : 0;
    }
    EXPECT_EQ(high, 500);
}

TEST(SimLoad, BurstsAreRareAndShort) {
    LoadGenerator load = start_load(profile_of(LoadKind::bursts, 500, 450), 1);
    int high = 0;
    for (int i = 0; i < 10'000; ++i) {
        step_load(load, step_ms);
        ASSERT_TRUE(load.load_permille == 50 || load.load_permille == 950);
        high += load.load_permille == 950 ? 1 : 0;
    }
    // One in a hundred seconds begins a burst of 12.5 s: about a ninth of the time.
    EXPECT_GT(high, 700);
    EXPECT_LT(high, 1600);
}

TEST(SimLoad, AScheduleGoesInStraightLinesAndAroundTheEndOfItsPeriod) {
    LoadProfile day = profile_of(LoadKind::schedule, 0, 0, 100);
    day.schedule.push({20, 100});
    day.schedule.push({40, 500});
    day.schedule.push({90, 400});
    ASSERT_TRUE(valid(day));
    LoadGenerator load = start_load(day, 1);
    EXPECT_EQ(load.load_permille, 300u) << "a third of the way from 90 to 120";
    run_to(load, 20);
    EXPECT_EQ(load.load_permille, 100u);
    run_to(load, 30);
    EXPECT_EQ(load.load_permille, 300u);
    run_to(load, 40);
    EXPECT_EQ(load.load_permille, 500u);
    run_to(load, 65);
    EXPECT_EQ(load.load_permille, 450u);
    run_to(load, 105);
    EXPECT_EQ(load.load_permille, 250u);
    run_to(load, 220);
    EXPECT_EQ(load.load_permille, 100u);
}

TEST(SimLoad, AnOverrideHidesTheCurveWithoutBendingIt) {
    LoadGenerator free = start_load(profile_of(LoadKind::random_walk, 500, 100), 9);
    LoadGenerator taken = free;
    ASSERT_TRUE(override_load(taken, "burn"));
    EXPECT_EQ(taken.load_permille, 1000u);
    for (int i = 0; i < 100; ++i) {
        step_load(free, step_ms);
        step_load(taken, step_ms);
        ASSERT_EQ(taken.load_permille, 1000u);
    }
    ASSERT_TRUE(override_load(taken, "auto"));
    EXPECT_EQ(taken.load_permille, free.load_permille);
}

TEST(SimLoad, OverridesAreWordsOrPercent) {
    LoadGenerator load = start_load(profile_of(LoadKind::constant, 300, 0), 1);
    ASSERT_TRUE(override_load(load, "85"));
    EXPECT_EQ(load.load_permille, 850u);
    ASSERT_TRUE(override_load(load, "idle"));
    EXPECT_EQ(load.load_permille, 0u);
    for (const char* wrong : {"", "101", "-1", "5%", "burn!", "99999999999"}) {
        EXPECT_FALSE(override_load(load, wrong)) << wrong;
        EXPECT_EQ(load.load_permille, 0u);
    }
}

TEST(SimLoad, ProfilesOutsideTheirBoundsAreNotValid) {
    EXPECT_TRUE(valid(profile_of(LoadKind::constant, 1000, 1000)));
    EXPECT_FALSE(valid(profile_of(LoadKind::constant, 1001, 0)));
    EXPECT_FALSE(valid(profile_of(LoadKind::constant, 0, 1001)));
    EXPECT_FALSE(valid(profile_of(LoadKind::constant, 0, 0, 0)));
    EXPECT_FALSE(valid(profile_of(LoadKind{6}, 0, 0)));
    LoadProfile unsorted = profile_of(LoadKind::schedule, 0, 0);
    unsorted.schedule.push({50, 1});
    unsorted.schedule.push({50, 2});
    EXPECT_FALSE(valid(unsorted));
    LoadProfile beyond = profile_of(LoadKind::schedule, 0, 0);
    beyond.schedule.push({100, 1});
    EXPECT_FALSE(valid(beyond));
}

TEST(SimLoad, KindsAreKnownByTheirNames) {
    std::set<std::string_view> names;
    for (int i = 0; i < 6; ++i) {
        const LoadKind kind{static_cast<std::uint8_t>(i)};
        EXPECT_EQ(parse_load_kind(to_string(kind)), kind);
        names.insert(to_string(kind));
    }
    EXPECT_EQ(names.size(), 6u);
    EXPECT_EQ(parse_load_kind("zigzag"), std::nullopt);
}

}  // namespace
}  // namespace ballast::sim
