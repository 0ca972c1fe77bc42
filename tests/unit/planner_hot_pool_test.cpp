// The planner where more hosts are overloaded than can be relieved.
#include <gtest/gtest.h>

#include "policy/planner/planner.hpp"
#include "tests/unit/policy_pool.hpp"

namespace ballast::policy::test {
namespace {

struct HotPool : testing::Test, PoolBook {
    HotPool() { parameters.keep_spare_host = 0; }
};

TEST_F(HotPool, WhenAllHostsAreHotItSaysSoAndMovesNobody) {
    for (const char* name : {"h1", "h2", "h3"}) {
        host(name);
    }
    for (HostIndex h = 0; h < 3; ++h) {
        vm("vm" + std::to_string(h), h, 9.5);
    }
    EXPECT_EQ(moves("ballast"), "");
    EXPECT_EQ(plan.unresolved.size(), 3U);
    EXPECT_TRUE(plan.conclusion.view().starts_with("no solution")) << plan.conclusion.view();
}

// Whoever is too large for every other host stays, and is as hot without those beside it who do next to
// nothing.
TEST_F(HotPool, NobodyLeavesAHostThatIsNoCoolerWithoutHim) {
    host("h1");
    host("h2");
    vm("huge", 0, 9.0);
    for (int i = 0; i < 8; ++i) {
        vm("idle" + std::to_string(i), 0, 0.001);
    }
    vm("other", 1, 5.0).movable = false;
    EXPECT_EQ(moves("ballast"), "");
    EXPECT_EQ(plan.unresolved.size(), 1U);
    for (int i = 0; i < 8; ++i) {
        vms[static_cast<std::size_t>(i + 1)].cpu_cores = keep({0.08});
    }
    EXPECT_NE(moves("ballast"), "") << "these make it cooler";
}

// Counted, not timed. Nobody can be relieved: memory is short on every host, and no single guest is enough.
TEST_F(HotPool, APoolThatIsHotAllOverIsGivenUpSoon) {
    constexpr int hosts_count = 4;
    constexpr int guests_each = 120;
    for (int h = 0; h < hosts_count; ++h) {
        host("h" + std::to_string(h));
    }
    for (int i = 0; i < hosts_count * guests_each; ++i) {
        vm("vm" + std::to_string(i), static_cast<HostIndex>(i % hosts_count), 0.01 + 0.0005 * (i % 97),
           static_cast<std::uint64_t>(60 + i % 31));
    }
    ASSERT_TRUE(run("ballast").ok());
    EXPECT_EQ(plan.unresolved.size(), static_cast<std::size_t>(hosts_count));
    EXPECT_EQ(plan.search, SearchEnd::complete);
    EXPECT_LT(workspace.planner->evaluations(), 20'000U);
}

// Each host needs three migrations, which makes many sets, and the plan may have one.
TEST_F(HotPool, ReliefStopsWhereItsEvaluationsEndAndSaysSo) {
    constexpr int hosts_count = 20;
    constexpr int guests_each = 23;
    for (int h = 0; h < hosts_count; ++h) {
        host("h" + std::to_string(h));
    }
    host("idle");
    for (int i = 0; i < hosts_count * guests_each; ++i) {
        vm("vm" + std::to_string(i), static_cast<HostIndex>(i % hosts_count), 0.4, 10);
    }
    parameters.moves_max = 1;
    parameters.time_budget_ms = 1;
    ASSERT_TRUE(run("ballast").ok());
    EXPECT_EQ(plan.search, SearchEnd::cut_short);
    EXPECT_TRUE(workspace.planner->shortened());
    EXPECT_LT(workspace.planner->evaluations(), 45'000U) << "its share, and as many to say why";
    EXPECT_EQ(plan.unresolved.size(), static_cast<std::size_t>(hosts_count));
}

}  // namespace
}  // namespace ballast::policy::test
