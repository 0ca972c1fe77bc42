#include "sim/experiments/scoa_simulation.hpp"

#include <gtest/gtest.h>

#include <array>
#include <vector>

namespace ballast::experiments {
namespace {

policy::Parameters hourly() {
    policy::Parameters parameters;
    parameters.critical_load = 0.79;
    parameters.window = 1;
    parameters.hot_samples = parameters.hot_window = 1;
    parameters.relief_seconds = parameters.balance_seconds = 1;
    return parameters;
}

class ScoaSimulationTest : public ::testing::Test {
  protected:
    ScoaResult run(std::string_view policy, const ScoaSettings& settings = {},
                   const policy::Parameters& parameters = hourly()) {
        Arena arena{memory_};
        ScoaSimulation simulation{arena};
        PolicyDecider decider{*policy::find_policy(policy), parameters, arena, scoa_hosts, scoa_guests};
        return simulation.run(settings, decider, by_hour_);
    }

    std::vector<std::byte> memory_ = std::vector<std::byte>(4 << 20);
    std::array<double, scoa_hours> by_hour_{};
};

TEST(ScoaLoad, TheTableHasThePapersGuests) {
    std::size_t cpu = 0;
    std::size_t net = 0;
    std::size_t memory = 0;
    std::size_t ramps = 0;
    std::size_t flat = 0;
    for (std::size_t g = 0; g < scoa_guests; ++g) {
        const ScoaGuest guest = scoa_guest(g);
        cpu += guest.cpu ? 1 : 0;
        net += guest.net ? 1 : 0;
        memory += guest.memory ? 1 : 0;
        ramps += guest.pattern == ScoaPattern::ramp ? 1 : 0;
        flat += guest.pattern == ScoaPattern::steady ? 1 : 0;
    }
    EXPECT_EQ(cpu, 20U);     // 12 alone, 4 with both, 2 with network, 2 with memory
    EXPECT_EQ(net, 14U);     // 8 alone
    EXPECT_EQ(memory, 14U);  // 8 alone
    EXPECT_EQ(ramps, 6U);
    EXPECT_EQ(flat, 8U);
    EXPECT_TRUE(scoa_guest(3).cpu && scoa_guest(3).pattern == ScoaPattern::ramp);
    EXPECT_TRUE(scoa_guest(34).cpu && scoa_guest(34).net && !scoa_guest(34).memory);
}

TEST(ScoaLoad, NormalRisesThroughTheMorningRampJumpsSteadyStays) {
    EXPECT_LT(scoa_share(ScoaPattern::normal, 8, 0), scoa_share(ScoaPattern::normal, 11, 0));
    EXPECT_LT(scoa_share(ScoaPattern::normal, 22, 0), scoa_share(ScoaPattern::normal, 14, 0));
    EXPECT_EQ(scoa_share(ScoaPattern::ramp, 10, 10), 1);
    EXPECT_LT(scoa_share(ScoaPattern::ramp, 9, 10), 0.5);
    EXPECT_EQ(scoa_share(ScoaPattern::steady, 3, 0), scoa_share(ScoaPattern::steady, 15, 0));
}

TEST_F(ScoaSimulationTest, EqualSeedsGiveEqualResults) {
    for (const char* policy : {"sandpiper", "scoa"}) {
        const ScoaResult first = run(policy);
        const ScoaResult second = run(policy);
        EXPECT_EQ(first.migrations, second.migrations) << policy;
        EXPECT_EQ(first.swaps, second.swaps) << policy;
        EXPECT_EQ(first.cpu_stddev, second.cpu_stddev) << policy;
        EXPECT_NE(first.cpu_stddev, run(policy, {.seed = 2}).cpu_stddev) << policy;
    }
}

TEST_F(ScoaSimulationTest, WithoutAPolicyEveryOverloadRemains) {
    const ScoaResult result = run("none");
    EXPECT_GT(result.overloads, 0U);
    EXPECT_EQ(result.no_solution, result.overloads);
    EXPECT_EQ(result.guests_moved, 0U);
}

TEST_F(ScoaSimulationTest, ThePapersPoliciesRelieveMostOverloads) {
    for (const char* policy : {"sandpiper", "scoa"}) {
        const ScoaResult result = run(policy);
        EXPECT_GT(result.actions(), 0U) << policy;
        EXPECT_LT(result.no_solution, run("none").no_solution) << policy;
        EXPECT_LT(result.cpu_stddev, run("none").cpu_stddev) << policy;
    }
}

// The settings of `ballast simulate scoa`.
TEST_F(ScoaSimulationTest, ThePlannerLeavesNoOverloadWithFewerActionsAndLowerDeviationsThanScoa) {
    policy::Parameters actions = hourly();
    actions.relief_seconds = 3600;
    actions.balance_seconds = 12 * 3600;
    actions.hysteresis = 0;
    actions.relief_margin = 0.05;
    actions.weight_memory = 1;
    actions.price_per_move = 0.1;
    actions.price_per_gib = 0;
    actions.calm_price = 1;
    actions.swap_counts = 1;
    std::uint32_t ours = 0;
    std::uint32_t theirs = 0;
    double deviation = 0;
    double their_deviation = 0;
    for (std::uint64_t seed = 1; seed <= 30; ++seed) {
        const ScoaResult ballast = run("ballast", {.seed = seed}, actions);
        EXPECT_EQ(ballast.no_solution, 0U) << "seed " << seed;
        ours += ballast.actions();
        deviation += ballast.mean_stddev();
        const ScoaResult scoa = run("scoa", {.seed = seed});
        theirs += scoa.actions();
        their_deviation += scoa.mean_stddev();
    }
    EXPECT_LT(ours, theirs);
    EXPECT_LT(deviation, their_deviation);
}

}  // namespace
}  // namespace ballast::experiments
