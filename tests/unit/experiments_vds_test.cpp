#include "sim/experiments/vds_simulation.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace ballast::experiments {
namespace {

class VdsSimulationTest : public ::testing::Test {
  protected:
    VdsResult run(const VdsSettings& settings, std::string_view policy = "none") {
        Arena arena{memory_};
        VdsSimulation simulation{arena, settings.hosts, settings.guests};
        policy::Parameters parameters;
        parameters.critical_load = settings.critical_load;
        PolicyDecider decider{*policy::find_policy(policy), parameters, arena, settings.hosts,
                              settings.guests};
        return simulation.run(settings, decider);
    }
    static bool same(const VdsResult& a, const VdsResult& b) {
        return a.denied_cpu == b.denied_cpu && a.denied_memory == b.denied_memory &&
               a.migrations == b.migrations && a.given_up == b.given_up && a.users_max == b.users_max;
    }

    std::vector<std::byte> memory_ = std::vector<std::byte>(16 << 20);
};

TEST_F(VdsSimulationTest, EqualSeedsGiveEqualResultsAndOthersOthers) {
    VdsSettings settings;
    settings.admission = VdsAdmission::not_saturated;
    settings.placement = VdsPlacement::random_host;
    const VdsResult first = run(settings, "vds-3b");
    EXPECT_TRUE(same(first, run(settings, "vds-3b")));
    settings.seed = 2;
    EXPECT_FALSE(same(first, run(settings, "vds-3b")));
}

TEST_F(VdsSimulationTest, WithoutAPolicyNothingMoves) {
    EXPECT_EQ(run(VdsSettings{}).migrations, 0U);
}

TEST_F(VdsSimulationTest, AHostTakesAsManyGuestsAsItsMemoryHolds) {
    VdsSettings settings;
    settings.hosts = 1;
    settings.guests = 20;
    settings.load_percent_max = 1;  // every load is 0
    settings.loads_max = 1000;
    settings.load_seconds_min = 1000;
    const VdsResult result = run(settings);
    EXPECT_EQ(result.users_max, 10U);  // (4096 - 256) / 368
    EXPECT_EQ(result.denied_memory, 10U);
    EXPECT_EQ(result.denied_cpu, 0U);
}

TEST_F(VdsSimulationTest, AFullHostDeniesForLackOfCpu) {
    VdsSettings settings;
    settings.hosts = 1;
    settings.guests = 60;
    settings.load_percent_max = 100;
    settings.loads_max = 1000;
    const VdsResult result = run(settings);
    EXPECT_GT(result.denied_cpu, 50U);
    EXPECT_LT(result.users_max, 10U);
}

TEST_F(VdsSimulationTest, EveryCreationIsAUserADenialOrBoth) {
    VdsSettings settings;
    settings.loads_max = 100'000;  // nobody ends
    settings.load_seconds_min = 50;
    const VdsResult result = run(settings);
    EXPECT_EQ(result.users_max + result.denied(), settings.guests);
}

TEST_F(VdsSimulationTest, RelievingHotHostsDeniesFewerUsersWhenPlacementIsBlind) {
    VdsSettings settings;
    settings.admission = VdsAdmission::not_saturated;
    settings.placement = VdsPlacement::random_host;
    settings.loads_max = 55;
    std::uint32_t without = 0;
    std::uint32_t with = 0;
    for (settings.seed = 1; settings.seed <= 10; ++settings.seed) {
        without += run(settings).denied();
        with += run(settings, "vds-3b").denied();
    }
    EXPECT_LT(with, without);
}

}  // namespace
}  // namespace ballast::experiments
