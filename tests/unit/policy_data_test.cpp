// Data that cannot be: each kind has a rule, is counted, and names its first offender.
#include "policy/data_report.hpp"

#include <gtest/gtest.h>

#include <limits>

#include "policy/means.hpp"
#include "tests/unit/policy_pool.hpp"

namespace ballast::policy::test {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double infinite = std::numeric_limits<double>::infinity();

// A host with one guest whose every series is good, and a second host that is idle.
Vm& clean_pool(PoolBook& book) {
    for (const char* name : {"h1", "h2"}) {
        Host& host = book.host(name);
        host.net_mbps = 1000;
        host.disk_mbps = 100;
    }
    Vm& vm = book.vm("a", 0, std::vector<double>{1, 1, 1});
    vm.net_mbps = book.keep({10, 10, 10});
    vm.disk_mbps = book.keep({1, 1, 1});
    vm.memory_used_mib = book.keep({50, 50, 50});
    return vm;
}

TEST(BadData, GoodDataIsReportedClean) {
    PoolBook book;
    clean_pool(book);
    ASSERT_TRUE(book.run("none").ok());
    EXPECT_TRUE(book.plan.data.clean());
    EXPECT_DOUBLE_EQ(book.plan.before.hosts[0].cpu, 0.1);
    EXPECT_DOUBLE_EQ(book.plan.before.hosts[0].net, 0.01);
    EXPECT_DOUBLE_EQ(book.plan.before.hosts[0].disk, 0.01);
    EXPECT_DOUBLE_EQ(book.plan.before.hosts[0].memory, 0.01);
    EXPECT_DOUBLE_EQ(book.plan.before.hosts[0].memory_used, 0.005);
}

TEST(BadData, MissingAndEmptySeriesCountAsZeroAndAreToldApart) {
    PoolBook book;
    Vm& vm = clean_pool(book);
    vm.net_mbps = Series{};
    const double nothing = 0;
    vm.disk_mbps = Series{&nothing, 0};
    vm.memory_used_mib = Series{};
    ASSERT_TRUE(book.run("none").ok());
    EXPECT_EQ(book.plan.data.count(DataFault::missing_series), 1U);
    EXPECT_EQ(book.plan.data.count(DataFault::zero_length), 1U);
    ASSERT_EQ(book.plan.data.first.size(), 2U);
    EXPECT_EQ(book.plan.data.first[0].resource, Resource::net);
    EXPECT_EQ(book.plan.data.first[0].vm, 0U);
    EXPECT_EQ(book.plan.data.first[1].resource, Resource::disk);
    EXPECT_DOUBLE_EQ(book.plan.before.hosts[0].net, 0);
    EXPECT_DOUBLE_EQ(book.plan.before.hosts[0].memory_used, 0.01) << "memory in use is then all of it";
}

TEST(BadData, WhatIsNoNumberNegativeOrInfiniteIsReplacedByTheLastGoodSample) {
    PoolBook book;
    Vm& vm = clean_pool(book);
    book.parameters.window = 6;
    vm.cpu_cores = book.keep({4, 2, nan, -1, infinite, 1e300, 3});
    ASSERT_TRUE(book.run("none").ok());
    EXPECT_EQ(book.plan.data.count(DataFault::not_a_number), 1U);
    EXPECT_EQ(book.plan.data.count(DataFault::negative), 1U);
    EXPECT_EQ(book.plan.data.count(DataFault::infinite), 2U)
        << "what no unit can mean is as good as infinite";
    EXPECT_DOUBLE_EQ(book.plan.before.hosts[0].cpu, (5 * 2 + 3) / 6.0 / 10);
    EXPECT_DOUBLE_EQ(book.workspace.vm_peak[0][Resource::cpu], 3);
    book.parameters.window = 4;
    ASSERT_TRUE(book.run("none").ok());
    EXPECT_DOUBLE_EQ(book.plan.before.hosts[0].cpu, (3 * 2 + 3) / 4.0 / 10)
        << "the last good sample may lie before the window";
    vm.cpu_cores = book.keep({nan, nan, nan});
    ASSERT_TRUE(book.run("none").ok());
    EXPECT_DOUBLE_EQ(book.plan.before.hosts[0].cpu, 0) << "no good sample: zero";
    EXPECT_EQ(book.plan.data.count(DataFault::not_a_number), 3U);
}

TEST(BadData, MoreThanTheHostHasCountsAsWhatItHas) {
    PoolBook book;
    Vm& vm = clean_pool(book);
    vm.cpu_cores = book.keep({1, 1000, 1});
    vm.memory_used_mib = book.keep({50, 250, 50});
    ASSERT_TRUE(book.run("none").ok());
    EXPECT_EQ(book.plan.data.counts[static_cast<std::size_t>(DataFault::above_capacity)][Resource::cpu], 1U);
    EXPECT_EQ(book.plan.data.counts[static_cast<std::size_t>(DataFault::above_capacity)][Resource::memory],
              1U);
    EXPECT_DOUBLE_EQ(book.plan.data.first[0].value, 1000);
    EXPECT_DOUBLE_EQ(book.plan.before.hosts[0].cpu, (1 + 10 + 1) / 3.0 / 10);
    EXPECT_DOUBLE_EQ(book.plan.before.hosts[0].memory_used, 200 / 3.0 / 10000)
        << "at most the guest's memory";
}

TEST(BadData, TogetherGuestsMayUseMoreThanAHostHas) {
    PoolBook book;
    clean_pool(book);
    book.vm("b", 0, std::vector<double>{10, 10, 10});
    ASSERT_TRUE(book.run("none").ok());
    EXPECT_DOUBLE_EQ(book.plan.before.hosts[0].cpu, 1.1);
    EXPECT_EQ(book.plan.data.count(DataFault::above_capacity), 0U);
}

TEST(BadData, StaleHostsAndUnknownCapacitiesAreNamed) {
    PoolBook book;
    clean_pool(book);
    book.hosts[0].net_mbps = 0;
    book.hosts[1].state = HostState::suspect;
    ASSERT_TRUE(book.run("sandpiper").ok());
    EXPECT_EQ(book.plan.data.count(DataFault::capacity_unknown), 1U);
    EXPECT_EQ(book.plan.data.count(DataFault::stale), 1U);
    EXPECT_EQ(book.plan.data.first[1].host, 1U);
    EXPECT_EQ(book.plan.hosts[1].constraint, Constraint::host_state);
}

TEST(BadData, Dom0IsHeldToTheSameRules) {
    PoolBook book;
    clean_pool(book);
    book.hosts[0].dom0_cpu_cores = book.keep({1, nan, 50});
    ASSERT_TRUE(book.run("none").ok());
    EXPECT_DOUBLE_EQ(book.plan.before.hosts[0].cpu, (3 + 1 + 1 + 10) / 3.0 / 10);
    EXPECT_EQ(book.plan.data.first[0].vm, no_index);
    EXPECT_EQ(book.plan.data.first[0].host, 0U);
}

TEST(BadData, ManyOffendersAreCountedAndTheFirstAreNamed) {
    PoolBook book;
    clean_pool(book);
    for (int i = 0; i < 40; ++i) {
        Vm& vm = book.vm("n" + std::to_string(i), 0, std::vector<double>{nan});
        vm.net_mbps = vm.disk_mbps = book.keep({0});
    }
    ASSERT_TRUE(book.run("none").ok());
    EXPECT_EQ(book.plan.data.count(DataFault::not_a_number), 40U);
    EXPECT_EQ(book.plan.data.first.size(), data_findings_max);
    EXPECT_EQ(book.plan.data.first[0].vm, 1U);
    EXPECT_TRUE(book.plan.conclusion.view().ends_with("; bad data: 40, first n0 not_a_number"));
}

TEST(BadData, StopsNoPolicyAndMovesNobody) {
    PoolBook book;
    book.host("h1");
    book.host("h2");
    for (int i = 0; i < 8; ++i) {
        book.vm("v" + std::to_string(i), 0, std::vector<double>{nan, infinite, -5, 1e300, nan});
    }
    for (const Policy& policy : policies()) {
        EXPECT_EQ(book.moves(policy.name), "") << policy.name;
        EXPECT_FALSE(book.plan.data.clean());
    }
}

TEST(BadData, AHostThatAppearsOrVanishesBetweenTwoRoundsChangesOnlyWhatIsTrueNow) {
    PoolBook book;
    book.host("h1");
    book.host("h2");
    book.vm("a", 0, 5.0);
    book.vm("b", 0, 4.0);
    for (const std::string_view name : {"sandpiper", "scoa", "vds-1a"}) {
        EXPECT_EQ(book.moves(name), "a>h2");
        book.hosts[1].state = HostState::down;
        EXPECT_EQ(book.moves(name), "") << name << " with h2 gone";
        book.hosts[1].state = HostState::up;
    }
    book.host("h0");
    for (const std::string_view name : {"sandpiper", "scoa", "vds-1a"}) {
        EXPECT_EQ(book.moves(name), "a>h0") << name << ": the new host is as idle, and first by name";
    }
    book.vms[0].host = no_index;
    EXPECT_EQ(book.moves("sandpiper"), "") << "its host has vanished with it";
}

}  // namespace
}  // namespace ballast::policy::test
