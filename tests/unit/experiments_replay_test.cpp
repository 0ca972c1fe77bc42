#include "sim/experiments/replay.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "sim/experiments/baselines.hpp"

namespace ballast::experiments {
namespace {

using policy::Move;

// Answers with what the test wrote down for each slot.
class Script final : public Decider {
  public:
    std::span<const Move> decide(const policy::Pool& pool) noexcept override {
        pools_seen.push_back(pool.vms.empty() ? 0 : pool.vms[0].cpu_cores.size());
        const std::size_t round = next++;
        return round < rounds.size() ? std::span<const Move>{rounds[round]} : std::span<const Move>{};
    }
    void reset() noexcept override {
        next = 0;
        pools_seen.clear();
    }

    std::vector<std::vector<Move>> rounds;
    std::vector<std::size_t> pools_seen;
    std::size_t next = 0;
};

Move move(policy::VmIndex vm, policy::HostIndex from, policy::HostIndex to) {
    Move made;
    made.vm = vm;
    made.from = from;
    made.to = to;
    return made;
}

// Hosts of 10 cores and 10 GiB; guests of 1 GiB whose cores are given slot by slot.
class ReplayTest : public ::testing::Test {
  protected:
    void guest(std::vector<double> cores, std::uint64_t memory_mib = 1024) {
        series_.push_back(std::move(cores));
        memories_.push_back(memory_mib);
    }
    Score run(Decider& decider, const MigrationModel& model, std::size_t hosts = 2) {
        vms_.clear();
        for (std::size_t v = 0; v < series_.size(); ++v) {
            vms_.push_back({"vm", memories_[v], 1, series_[v], {}, {}, {}});
        }
        trace_.slots = series_[0].size();
        trace_.host = {10, 10 * 1024, 0, 0};
        trace_.vms = vms_;
        stddev_.resize(trace_.slots);
        return replay_.run(trace_, {hosts, model, nullptr}, decider, stddev_);
    }
    static MigrationModel instant() {
        MigrationModel model;
        model.instant = true;
        model.dom0_cores = 0;
        return model;
    }
    // 1 GiB in 100 s: nothing is written while it is copied, so that one round does.
    static MigrationModel hundred_seconds() {
        MigrationModel model;
        model.link_mbps = 1024.0 * 1024 * 1024 * 8 / 1e6 / 100;
        model.dirty_pages_per_core = 0;
        model.dom0_cores = 0;
        model.slow_down = 0;
        return model;
    }

    std::vector<std::byte> memory_ = std::vector<std::byte>(1 << 20);
    Arena arena_{memory_};
    Replay replay_{arena_, 8, 64, 64};
    std::vector<std::vector<double>> series_;
    std::vector<std::uint64_t> memories_;
    std::vector<TraceVm> vms_;
    std::vector<double> stddev_;
    Trace trace_;
};

TEST_F(ReplayTest, ScoresOfTwoSlotsAreThoseComputedByHand) {
    guest({8.5, 11});  // on host 0: 85 %, 110 %
    guest({4.5, 1});   // on host 1: 45 %, 10 %
    Script nobody;
    const Score score = run(nobody, instant());
    EXPECT_NEAR(score.cpu_stddev, (0.2 + 0.5) / 2, 1e-12);
    EXPECT_NEAR(score.cpu_range, (0.4 + 1.0) / 2, 1e-12);
    EXPECT_DOUBLE_EQ(score.host_minutes_80, 10);
    EXPECT_DOUBLE_EQ(score.host_minutes_90, 5);
    EXPECT_DOUBLE_EQ(score.host_minutes_100, 5);
    EXPECT_NEAR(score.unmet_core_hours, 1.0 * 300 / 3600, 1e-12);  // one core for five minutes
    EXPECT_EQ(score.migrations, 0U);
    EXPECT_DOUBLE_EQ(score.gate(), 5);
    EXPECT_NEAR(stddev_[0], 0.2, 1e-12);
    EXPECT_NEAR(stddev_[1], 0.5, 1e-12);
}

TEST_F(ReplayTest, GuestsStartRoundRobin) {
    guest({1});
    guest({2});
    guest({4});
    Script nobody;
    const Score score = run(nobody, instant());
    EXPECT_NEAR(score.cpu_range, (0.1 + 0.4) - 0.2, 1e-12);
}

TEST_F(ReplayTest, WhatIsDecidedOnASlotIsSeenFromTheNextOn) {
    guest({6, 6, 6});
    guest({0, 0, 0});
    guest({2, 2, 2});
    Script script;
    script.rounds = {{move(2, 0, 1)}};
    const Score score = run(script, instant());
    EXPECT_NEAR(stddev_[0], 0.4, 1e-12);  // 80 % and 0 %
    EXPECT_NEAR(stddev_[1], 0.2, 1e-12);  // 60 % and 20 %
    EXPECT_EQ(score.migrations, 1U);
    EXPECT_DOUBLE_EQ(score.gib_moved, 1);
    EXPECT_DOUBLE_EQ(score.gate(), 0.5);
    EXPECT_EQ(script.pools_seen, (std::vector<std::size_t>{1, 2}));  // nothing of the future
}

TEST_F(ReplayTest, AMigrationThatTakesAThirdOfASlotLoadsItsSourceForThatThird) {
    guest({4, 4});
    guest({0, 0});
    Script script;
    script.rounds = {{move(0, 0, 1)}};
    const Score score = run(script, hundred_seconds());
    EXPECT_NEAR(score.migration_seconds, 100, 1e-3);
    EXPECT_NEAR(score.cpu_range, 0.4, 1e-12);  // whichever host it is on
    EXPECT_EQ(score.migrations, 1U);
}

TEST_F(ReplayTest, OverloadCountsOnlyForTheTimeUntilTheGuestHasLeft) {
    guest({9.5, 9.5});
    guest({0, 0});
    guest({1, 1});  // also on host 0: 105 %
    Script script;
    script.rounds = {{move(2, 0, 1)}};
    const Score score = run(script, hundred_seconds());
    EXPECT_NEAR(score.host_minutes_100, 5 + 100.0 / 60, 1e-3);
    EXPECT_NEAR(score.host_minutes_90, 10, 1e-9);
}

TEST_F(ReplayTest, MovingTakesMemoryOnBothHostsUntilItEnds) {
    guest({1, 1, 1}, 9 * 1024);  // host 0
    guest({1, 1, 1}, 4 * 1024);  // host 1
    guest({1, 1, 1}, 512);       // host 0
    guest({1, 1, 1}, 5 * 1024);  // host 1: 1 GiB free there
    Script script;
    // The small one fits beside the two; the large one never does.
    script.rounds = {{move(2, 0, 1), move(0, 0, 1)}};
    const Score score = run(script, hundred_seconds());
    EXPECT_EQ(score.migrations, 1U);
    EXPECT_EQ(score.skipped, 1U);
}

TEST_F(ReplayTest, ASwapIsTwoMigrationsAndBackSoonIsAPingPong) {
    guest({1, 1, 1, 1});
    guest({2, 2, 2, 2});
    Move there = move(0, 0, 1);
    there.kind = policy::MoveKind::swap;
    there.with = 1;
    Script script;
    script.rounds = {{there}, {move(0, 1, 0)}};
    const Score score = run(script, instant());
    EXPECT_EQ(score.migrations, 3U);
    EXPECT_EQ(score.ping_pongs, 1U);
    EXPECT_EQ(score.most_moves_of_one_vm, 2U);
}

TEST_F(ReplayTest, BackAfterHalfAnHourIsNoPingPong) {
    guest(std::vector<double>(12, 1.0));
    guest(std::vector<double>(12, 2.0));
    Script script;
    script.rounds.resize(12);
    script.rounds[0] = {move(0, 0, 1)};
    script.rounds[7] = {move(0, 1, 0)};
    EXPECT_EQ(run(script, instant()).ping_pongs, 0U);
    script.rounds[7].clear();
    script.rounds[6] = {move(0, 1, 0)};  // exactly 30 minutes later
    EXPECT_EQ(run(script, instant()).ping_pongs, 1U);
}

TEST_F(ReplayTest, NobodyIsAskedWhileMovesAreUnderWay) {
    guest({1, 1, 1, 1}, 4 * 1024);  // 400 s
    guest({2, 2, 2, 2});
    Script script;
    script.rounds = {{move(0, 0, 1)}};
    const Score score = run(script, hundred_seconds());
    EXPECT_EQ(score.rounds_waited, 1U);
    EXPECT_EQ(score.rounds, 2U);
}

TEST_F(ReplayTest, WhatAGuestGoesShortOfWhileItIsCopiedIsUnmetDemand) {
    guest({4, 4});
    guest({0, 0});
    MigrationModel model = hundred_seconds();
    model.slow_down = 0.1;
    Script script;
    script.rounds = {{move(0, 0, 1)}};
    EXPECT_NEAR(run(script, model).unmet_core_hours, 0.1 * 4 * 100 / 3600, 1e-4);
}

TEST_F(ReplayTest, ReplayingTwiceGivesTheSameScores) {
    for (int v = 0; v < 12; ++v) {
        std::vector<double> cores;
        for (int slot = 0; slot < 40; ++slot) {
            cores.push_back(1.5 + std::sin(v * 1.7 + slot * 0.9));
        }
        guest(cores);
    }
    std::vector<std::byte> memory(1 << 20);
    Arena arena{memory};
    GreedyBaseline greedy{0.01, 4, 0.3, arena, 8, 64};
    const Score first = run(greedy, MigrationModel{}, 4);
    const Score second = run(greedy, MigrationModel{}, 4);
    EXPECT_GT(first.migrations, 0U);
    EXPECT_EQ(first.migrations, second.migrations);
    EXPECT_EQ(first.cpu_stddev, second.cpu_stddev);
    EXPECT_EQ(first.unmet_core_hours, second.unmet_core_hours);
}

TEST(MigrationModel, ALargerDirtyRateTakesMoreRoundsAndLongerStops) {
    MigrationModel model;
    const MigrationCost idle = migration_cost(model, 4096, 0);
    const MigrationCost busy = migration_cost(model, 4096, 8);
    EXPECT_NEAR(idle.seconds, 4096.0 * 1024 * 1024 * 8 / 1e10, 1e-3);
    EXPECT_GT(busy.seconds, idle.seconds);
    EXPECT_GT(busy.downtime_seconds, idle.downtime_seconds);
    EXPECT_GT(busy.sent_mib, 4096);
}

TEST(Percentile, IsTheNearestRank) {
    std::vector<std::uint64_t> values{5, 1, 4, 2, 3};
    EXPECT_EQ(percentile(values, 0.5), 3U);
    EXPECT_EQ(percentile(values, 0.99), 5U);
    EXPECT_EQ(percentile(values, 1), 5U);
    EXPECT_EQ(percentile({}, 0.5), 0U);
}

}  // namespace
}  // namespace ballast::experiments
