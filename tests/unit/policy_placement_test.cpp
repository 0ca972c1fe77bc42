// Where one guest goes when its operator does not say.
#include "policy/placement.hpp"

#include <gtest/gtest.h>

#include "tests/unit/policy_pool.hpp"

namespace ballast::policy::test {
namespace {

struct PlacementOf : testing::Test, PoolBook {
    std::string placed(const PlacementRequest& request) {
        std::array<Rejection, 8> room;
        BoundedList<Rejection> refused{room};
        const HostIndex h = place(pool(), request, parameters, workspace, refused);
        why.assign(refused.items().begin(), refused.items().end());
        return h == no_index ? "nowhere" : std::string{host_list[h].name};
    }
    std::vector<Rejection> why;
};

TEST_F(PlacementOf, AGuestGoesWhereTheLeastIsUsedForItsHostsSize) {
    host("h1", 10);
    host("h2", 40);
    vm("a", 0, 2.0);
    vm("b", 1, 6.0);
    EXPECT_EQ(placed({.memory_mib = 100}), "h2");
}

TEST_F(PlacementOf, GuestsThatWereStartedTogetherSpreadBeforeTheyShowALoad) {
    host("h1");
    host("h2");
    vm("a", 1, 0.4);
    std::string where;
    for (const char* name : {"n1", "n2", "n3", "n4"}) {
        const std::string to = placed({.memory_mib = 100});
        where += to;
        vm(name, to == "h1" ? 0 : 1, std::vector<double>{});
    }
    EXPECT_EQ(where, "h1h2h1h2");
}

TEST_F(PlacementOf, GuestsOfOneGroupAreKeptApart) {
    host("h1");
    host("h2");
    vm("web1", 0, 1.0).anti_affinity = "web";
    vm("other", 1, 5.0);
    vm("web2", no_index, std::vector<double>{}).anti_affinity = "web";
    EXPECT_EQ(placed({.memory_mib = 100, .vm = 2}), "h2");
    ASSERT_EQ(why.size(), 1U);
    EXPECT_EQ(why[0].constraint, Constraint::anti_affinity);
}

TEST_F(PlacementOf, HostsWhereTheLargestHostCouldStillBeRestartedGoFirst) {
    for (const char* name : {"h1", "h2", "h3"}) {
        host(name, 10, 1000);
    }
    parameters.memory_threshold = 1;
    vm("a1", 0, 0.1, 300);
    vm("a2", 0, 0.1, 300);
    for (int i = 0; i < 5; ++i) {
        vm("b" + std::to_string(i), 1, 1.0, 100);
        vm("c" + std::to_string(i), 2, 1.1, 100);
    }
    // h1 would hold three of 300, of which h2 and h3 have room for one each.
    EXPECT_EQ(placed({.memory_mib = 300}), "h2");
    parameters.keep_spare_host = 0;
    EXPECT_EQ(placed({.memory_mib = 300}), "h1");
    parameters.keep_spare_host = 1;
    EXPECT_EQ(placed({.memory_mib = 450}), "h2") << "nowhere is it kept, and none is refused for it";
}

// Nobody has told the pool of it yet.
TEST_F(PlacementOf, ANewGuestOfAGroupIsKeptApartToo) {
    host("h1");
    host("h2");
    vm("web1", 0, 1.0).anti_affinity = "web";
    vm("other", 1, 5.0);
    EXPECT_EQ(placed({.memory_mib = 100, .group = "web"}), "h2");
    EXPECT_EQ(placed({.memory_mib = 100, .group = "db"}), "h1");
    vm("web3", 0, 1.0).anti_affinity = "web";
    vms.back().moving_to = 1;
    EXPECT_EQ(placed({.memory_mib = 100, .group = "web"}), "nowhere") << "one is on its way to h2";
}

TEST_F(PlacementOf, WhatIsOnItsWayToAHostCountsThereAlready) {
    host("h1");
    host("h2");
    vm("a", 0, 1.0);
    vm("b", 1, 3.0);
    vm("coming", 1, 4.0);
    EXPECT_EQ(placed({.memory_mib = 100}), "h1");
    vms.back().moving_to = 0;
    vms[1].cpu_cores = keep({0.5});
    EXPECT_EQ(placed({.memory_mib = 100}), "h2") << "h1 will be at 50 %, h2 is at 45 %";
}

TEST_F(PlacementOf, HostsThatStayWithinTheThresholdsOfAllResourcesGoFirst) {
    for (const char* name : {"h1", "h2", "h3"}) {
        host(name).net_mbps = 1000;
    }
    vm("a", 0, 1.0).net_mbps = keep({850});
    vm("b", 1, 5.0).net_mbps = keep({100});
    vm("c", 2, 6.0).net_mbps = keep({100});
    EXPECT_EQ(placed({.memory_mib = 100}), "h2") << "the network of h1 is at 85 %";
    vm("coming", 0, 0.1).net_mbps = keep({750});
    vms.back().moving_to = 1;
    EXPECT_EQ(placed({.memory_mib = 100}), "h3") << "that of h2 will be";
    vms[2].net_mbps = keep({900});
    EXPECT_EQ(placed({.memory_mib = 100}), "h1") << "none is refused for it";
    vms[2].net_mbps = keep({100});
    parameters.weight_net = 0;
    EXPECT_EQ(placed({.memory_mib = 100}), "h1");
}

TEST_F(PlacementOf, HostsThatAreNotUpAreRefusedByTheirState) {
    host("h1").state = HostState::draining;
    host("h2").state = HostState::cordoned;
    EXPECT_EQ(placed({.memory_mib = 100}), "nowhere");
    ASSERT_EQ(why.size(), 2U);
    EXPECT_EQ(why[0].constraint, Constraint::host_state);
}

}  // namespace
}  // namespace ballast::policy::test
