#include "xen_glue/sim/precopy.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "xen_glue/sim/cpu_share.hpp"

namespace ballast::sim {
namespace {

constexpr std::uint64_t pages_per_gib = 262'144;
constexpr std::uint64_t gigabit = 125'000'000;

TEST(SimPrecopy, AnIdleGuestTakesOneRoundAndStopsForAlmostNothing) {
    const auto idle = forecast_precopy(pages_per_gib, pages_per_gib / 4, 0, gigabit, true);
    EXPECT_EQ(idle.rounds, 2u);
    EXPECT_EQ(idle.sent_pages, pages_per_gib);
    EXPECT_EQ(idle.downtime_ns, 0);
    EXPECT_NEAR(static_cast<double>(idle.total_ns), (1 << 30) / 0.125, 1e6) << "a GiB over a gigabit: 8.6 s";
}

TEST(SimPrecopy, StopAndCopyStopsForAllOfIt) {
    const auto stopped = forecast_precopy(pages_per_gib, pages_per_gib / 4, 5000, gigabit, false);
    EXPECT_EQ(stopped.rounds, 1u);
    EXPECT_EQ(stopped.downtime_ns, stopped.total_ns);
    EXPECT_EQ(stopped.sent_pages, pages_per_gib);
}

TEST(SimPrecopy, RoundsShrinkAsLongAsTheLinkIsFasterThanTheWriting) {
    Precopy precopy = begin_precopy(pages_per_gib, true);
    std::uint64_t previous = precopy.round_pages;
    std::uint32_t rounds = 0;
    bool last = false;
    while (!last) {
        // A tenth of the link's speed: each round leaves about a tenth to the next.
        last = end_live_round(precopy, pages_touched(precopy.round_pages / 10, pages_per_gib / 4));
        EXPECT_LT(precopy.round_pages, previous / 9);
        previous = precopy.round_pages;
        ++rounds;
    }
    EXPECT_EQ(rounds, 4u) << "26214, 2621, 262 and 26 pages: fewer than 50 are left";
    EXPECT_TRUE(precopy.guest_suspended);
}

TEST(SimPrecopy, AGuestThatWritesFasterThanTheLinkStopsAfterFiveRoundsForItsWorkingSet) {
    const std::uint64_t working_set = pages_per_gib / 4;
    const auto busy = forecast_precopy(pages_per_gib, working_set, 10'000'000, gigabit, true);
    EXPECT_EQ(busy.rounds, precopy_rounds_max + 1);
    EXPECT_EQ(busy.sent_pages, pages_per_gib + 5 * working_set);
    EXPECT_NEAR(static_cast<double>(busy.downtime_ns),
                1e9 * static_cast<double>(working_set * page_bytes) / gigabit, 1e6);
}

TEST(SimPrecopy, MoreWritingOrLessBandwidthNeverMeansLessDowntime) {
    std::int64_t previous_ns = -1;
    for (std::uint64_t writes = 0; writes <= 64'000; writes += 2000) {
        const auto faster = forecast_precopy(pages_per_gib, pages_per_gib / 4, writes, 2 * gigabit, true);
        const auto slower = forecast_precopy(pages_per_gib, pages_per_gib / 4, writes, gigabit, true);
        EXPECT_GE(slower.total_ns, faster.total_ns);
        if (slower.rounds == precopy_rounds_max + 1) {
            EXPECT_GE(slower.downtime_ns, previous_ns);
            previous_ns = slower.downtime_ns;
        }
    }
    EXPECT_GT(previous_ns, 0);
}

TEST(SimPrecopy, WritesTouchNoMorePagesThanThereAreAndFewWritesTouchOneEach) {
    EXPECT_EQ(pages_touched(0, 1000), 0u);
    EXPECT_EQ(pages_touched(1000, 0), 0u);
    EXPECT_NEAR(static_cast<double>(pages_touched(100, 1'000'000)), 100, 1);
    EXPECT_NEAR(static_cast<double>(pages_touched(1000, 1000)), 1000 * (1 - std::exp(-1.0)), 1);
    EXPECT_EQ(pages_touched(1'000'000'000, 1000), 1000u);
}

TEST(SimCpuShare, AllGetWhatTheyAskForWhenItFits) {
    CpuClaim claims[] = {{500'000, 256, 0}, {1'500'000, 256, 0}, {0, 256, 0}};
    share_cpu(claims, 2'000'000);
    EXPECT_EQ(claims[0].granted_ucores, 500'000u);
    EXPECT_EQ(claims[1].granted_ucores, 1'500'000u);
    EXPECT_EQ(claims[2].granted_ucores, 0u);
}

TEST(SimCpuShare, WhatOneLeavesGoesToTheOthersByWeight) {
    CpuClaim claims[] = {{100'000, 256, 0}, {2'000'000, 512, 0}, {2'000'000, 256, 0}};
    share_cpu(claims, 1'600'000);
    EXPECT_EQ(claims[0].granted_ucores, 100'000u);
    EXPECT_EQ(claims[1].granted_ucores, 1'000'000u);
    EXPECT_EQ(claims[2].granted_ucores, 500'000u);
}

TEST(SimCpuShare, NobodyGetsMoreThanItAsksForAndNothingIsGivenTwice) {
    CpuClaim claims[] = {{900'000, 1, 0}, {300'000, 65535, 0}, {50'000, 3, 0}, {4'000'000, 256, 0}};
    for (std::uint64_t capacity : {0ULL, 1ULL, 999'999ULL, 2'000'000ULL, 9'000'000ULL}) {
        share_cpu(claims, capacity);
        std::uint64_t sum = 0;
        for (const CpuClaim& claim : claims) {
            EXPECT_LE(claim.granted_ucores, claim.demand_ucores);
            sum += claim.granted_ucores;
        }
        EXPECT_LE(sum, capacity);
        EXPECT_GE(sum + 4, std::min<std::uint64_t>(capacity, 5'250'000));
    }
}

}  // namespace
}  // namespace ballast::sim
