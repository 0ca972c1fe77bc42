// Golden plans of hosts that are not overloaded: when it pays to even them out.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "policy/planner/planner.hpp"
#include "tests/unit/policy_pool.hpp"

namespace ballast::policy::test {
namespace {

struct PlannerBalance : testing::Test, PoolBook {
    PlannerBalance() { parameters.keep_spare_host = 0; }
    Constraint verdict(VmIndex v) const {
        EXPECT_EQ(plan.vms[v].kind, Verdict::Kind::stays);
        return plan.vms[v].constraint;
    }
};

TEST_F(PlannerBalance, WaitsForTheSecondSampleOfWhatIsMeasured) {
    host("h1");
    host("h2");
    vm("a", 0, 3.0);
    vm("b", 0, 3.0);
    const auto planned = [&](bool given) {
        Pool measured = pool();
        measured.loads_given = given;
        EXPECT_TRUE(policy::plan(*find_policy("ballast"), measured, parameters, workspace, plan).ok());
        return plan.moves.items().size();
    };
    EXPECT_EQ(planned(true), 1U);
    EXPECT_EQ(planned(false), 0U);
    EXPECT_EQ(verdict(0), Constraint::too_few_samples);
    EXPECT_EQ(plan.vms[0].have, 1);
    EXPECT_EQ(plan.vms[0].limit, 2);
    for (Vm& each : vms) {
        each.cpu_cores = keep({3.0, 3.0});
    }
    EXPECT_EQ(planned(false), 1U);
    for (Vm& each : vms) {
        each.cpu_cores = keep({5.0});
    }
    EXPECT_EQ(planned(false), 1U) << "who is overloaded is relieved at once";
}

TEST_F(PlannerBalance, EvensOutACalmPoolOnlyWhileTheGainPaysForTheMove) {
    host("h1");
    host("h2");
    for (int i = 0; i < 6; ++i) {
        vm("vm" + std::to_string(i), 0, 1.2);
    }
    const std::string with_low_price = moves("ballast");
    EXPECT_EQ(plan.moves.size(), 3U) << with_low_price;
    parameters.price_per_move = 10;
    EXPECT_EQ(moves("ballast"), "");
    parameters.price_per_move = 0;
    parameters.balance = 0;
    EXPECT_EQ(moves("ballast"), "");
}

// The same means: what counts is how near its threshold a host comes as it swings.
TEST_F(PlannerBalance, WhoStaysFarBelowItsThresholdAsItSwingsMovesOnlyForMuch) {
    constexpr std::size_t instants = 60;
    const auto swinging = [](double mean, double by) {
        std::vector<double> samples(instants);
        for (std::size_t i = 0; i < instants; ++i) {
            samples[i] = i % 2 == 0 ? mean - by : mean + by;
        }
        return samples;
    };
    host("h1");
    host("h2");
    for (int i = 0; i < 5; ++i) {
        vm("vm" + std::to_string(i), 0, swinging(1.1, 0));
    }
    vm("other", 1, swinging(3.0, 0));
    EXPECT_EQ(moves("ballast"), "") << "55 % and 30 %";
    EXPECT_EQ(verdict(0), Constraint::gain_too_small);
    const double dear = plan.vms[0].limit;
    parameters.calm_price = 1;
    EXPECT_EQ(moves("ballast"), "vm0>h2");
    EXPECT_LT(plan.moves[0].price, dear);
    parameters.calm_price = 4;
    for (VmIndex v = 0; v < 5; ++v) {
        vms[v].cpu_cores = keep(swinging(1.1, 0.3));
    }
    EXPECT_EQ(moves("ballast"), "vm0>h2") << "55 % and 15 to either side: twice that is 85 %";
}

// Of the same mean: who has risen just now would be overloaded, and emptied again, if it were filled by that.
TEST_F(PlannerBalance, AHostThatRisesIsNotFilledByItsMean) {
    constexpr std::size_t instants = 60;
    constexpr std::size_t rises_at = 54;
    std::vector<double> rising(instants, 1.0);
    std::fill(rising.begin() + rises_at, rising.end(), 7.0);
    host("h1");
    host("h2");
    for (int i = 0; i < 6; ++i) {
        vm("vm" + std::to_string(i), 0, std::vector<double>(instants, 1.2));
    }
    vm("other", 1, rising);
    parameters.relief_seconds = 1;  // the last sample
    EXPECT_EQ(moves("ballast"), "");
    vms.back().cpu_cores = keep(std::vector<double>(instants, 1.6));
    EXPECT_EQ(moves("ballast"), "vm0>h2 vm1>h2") << "the same mean";
}

}  // namespace
}  // namespace ballast::policy::test
