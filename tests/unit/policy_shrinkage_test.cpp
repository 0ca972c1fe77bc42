// Means of few samples, drawn to that of all guests.
#include "policy/shrinkage.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "base/prng.hpp"
#include "policy/means.hpp"
#include "tests/unit/policy_pool.hpp"

namespace ballast::policy::test {
namespace {

constexpr std::uint32_t window = 60;

struct Shrinkage : testing::Test, PoolBook {
    Shrinkage() { host("h1", 100); }
    void shrink() {
        const Pool all = pool();
        measure(all, window, workspace);
        shrink_means(all, window, workspace);
    }
    double cores(VmIndex v) const { return workspace.vm_mean[v][Resource::cpu]; }
};

TEST_F(Shrinkage, MeansBecomeWhatSamplesAndGuestsSayTogether) {
    vm("a", 0, {1.0, 3.0});
    vm("b", 0, {5.0, 7.0});
    shrink();
    // Within: (1 + 1 + 1 + 1) / 2 = 2. Of the means 2 and 6 the variance is 4, of which 2 / 2 is of their
    // samples: 3 between, and 3 / (3 + 1) of each deviation from 4 stays.
    EXPECT_DOUBLE_EQ(cores(0), 2.5);
    EXPECT_DOUBLE_EQ(cores(1), 5.5);
}

TEST_F(Shrinkage, WhereMeansVaryNoMoreThanTheirSamplesAllGuestsAreAlike) {
    vm("a", 0, {1.0, 5.0});
    vm("b", 0, {2.0, 5.0});
    shrink();
    EXPECT_DOUBLE_EQ(cores(0), 3.25);
    EXPECT_DOUBLE_EQ(cores(1), 3.25);
}

TEST_F(Shrinkage, LoadsThatDoNotVaryAndSingleSamplesStay) {
    vm("a", 0, {1.0, 1.0});
    vm("b", 0, {5.0, 5.0, 5.0});
    shrink();
    EXPECT_EQ(cores(0), 1.0);
    EXPECT_EQ(cores(1), 5.0);
    vms[0].cpu_cores = keep({2.0});
    vms[1].cpu_cores = keep({6.0});
    shrink();
    EXPECT_EQ(cores(0), 2.0);
    EXPECT_EQ(cores(1), 6.0);
}

TEST_F(Shrinkage, WhoHasMoreSamplesIsBelievedMore) {
    vm("short", 0, {8.0, 10.0});
    vm("long", 0, {8.0, 10.0, 8.0, 10.0, 8.0, 10.0});
    vm("idle", 0, {0.0, 2.0});
    shrink();
    EXPECT_LT(cores(0), cores(1));
    EXPECT_LT(cores(1), 9.0);
    EXPECT_GT(cores(2), 1.0);
}

TEST_F(Shrinkage, GuestsAreComparedByVcpu) {
    vm("small", 0, {1.0, 2.0}).vcpus = 1;
    vm("large", 0, {4.0, 8.0}).vcpus = 4;
    shrink();
    EXPECT_DOUBLE_EQ(cores(0), 1.5);
    EXPECT_DOUBLE_EQ(cores(1), 6.0) << "as much per vCPU: there is nothing to draw it to";
}

TEST_F(Shrinkage, WhatCannotBeASampleDoesNotVary) {
    vm("a", 0, {1.0, -7.0, 1.0});
    vm("b", 0, {5.0, 5.0, 5.0});
    shrink();
    EXPECT_EQ(cores(0), 1.0);
}

// Of guests whose true means are known: hosts' loads are still the sums of their guests', and the means are
// nearer to the truth than before.
TEST_F(Shrinkage, MeansComeNearerToTheTruthAndHostsFollow) {
    constexpr std::size_t guests = 200;
    host("h2", 100);
    Prng random{1};
    std::vector<double> truth;
    for (std::size_t v = 0; v < guests; ++v) {
        truth.push_back(0.2 + 0.2 * random.unit());
        const auto sample = [&] { return truth.back() + 0.3 * (random.unit() - 0.5); };
        vm("vm" + std::to_string(1000 + v), static_cast<HostIndex>(v % 2), {sample(), sample(), sample()});
    }
    double raw = 0;
    measure(pool(), window, workspace);
    for (VmIndex v = 0; v < guests; ++v) {
        raw += (cores(v) - truth[v]) * (cores(v) - truth[v]);
    }
    shrink();
    double shrunk = 0;
    double load = 0;
    for (VmIndex v = 0; v < guests; ++v) {
        shrunk += (cores(v) - truth[v]) * (cores(v) - truth[v]);
        load += v % 2 == 0 ? cores(v) / 100 : 0;
    }
    EXPECT_LT(shrunk, 0.8 * raw);
    EXPECT_NEAR(workspace.host_load[0].cpu, load, 1e-12);
}

}  // namespace
}  // namespace ballast::policy::test
