// Who makes room for others, who waits for it on a third host, and who is at work and left alone.
#include <gtest/gtest.h>

#include "policy/planner/planner.hpp"
#include "tests/unit/policy_pool.hpp"

namespace ballast::policy::test {
namespace {

struct PlannerRoom : testing::Test, PoolBook {
    PlannerRoom() { parameters.keep_spare_host = 0; }
    std::string planned() { return moves("ballast"); }
    // h1 is overloaded, and a guest of it fits on h2 only if the filler, which is returned, goes to h3.
    Vm& fill_all() {
        host("h1", 10, 1000);
        host("h2", 10, 1000);
        host("h3", 10, 1000);
        vm("heavy", 0, 6.0, 600);
        vm("rest", 0, 3.5, 400);
        vm("large", 1, 0.5, 500);
        vm("filler", 1, 0.2, 200);
        vm("busy", 2, 6.0, 650);
        parameters.balance = 0;
        return vms[3];
    }
};

TEST_F(PlannerRoom, MemoryThatDoesNotFitIsMadeRoomForOnAThirdHost) {
    fill_all();
    parameters.weight_memory = 0;
    EXPECT_EQ(planned(), "filler>h3 rest>h2") << "neither host alone has both the room and the cores";
}

// a1 and b1 are to change places, and neither host has room for both: one waits on h3.
TEST_F(PlannerRoom, WhoHasNoRoomAtItsPlaceYetWaitsOnAHostThatHas) {
    for (const char* name : {"h1", "h2", "h3"}) {
        host(name, 10, 1000).net_mbps = 1000;
    }
    vm("a1", 0, 3.5, 450);
    vm("a2", 0, 3.5, 450);
    vm("b1", 1, 0.0, 450).net_mbps = keep({350});
    vm("b2", 1, 0.0, 450).net_mbps = keep({350});
    vm("c", 2, 3.4, 400).net_mbps = keep({340});
    parameters.price_per_move = parameters.price_per_gib = 0.0001;
    parameters.calm_price = 1;
    parameters.weight_memory = 0;
    EXPECT_EQ(planned(), "a1>h3 b1>h1 a1>h2");
    EXPECT_TRUE(plan.moves[0].why.view().starts_with("goes on later: h3 has room"))
        << plan.moves[0].why.view();
}

TEST_F(PlannerRoom, SomebodysSessionIsMovedOnlyWhenNobodyElseHelps) {
    host("h1");
    host("h2");
    vm("big", 0, 4.0, 400);
    vm("mid", 0, 3.0, 300);
    vm("small", 0, 2.5, 200);
    vm("other", 1, 1.0, 100);
    vms[0].session_active = true;
    EXPECT_EQ(planned(), "mid>h2");
    vms[1].session_active = vms[2].session_active = true;
    EXPECT_EQ(planned(), "big>h2");
}

// Who only is evened out leaves somebody at work alone as long as others do as well.
TEST_F(PlannerRoom, BalancingMovesSomebodysSessionLastToo) {
    host("h1");
    host("h2");
    vm("a", 0, 2.2);
    vm("b", 0, 2.2);
    vm("c", 0, 2.0);
    EXPECT_EQ(planned().substr(0, 4), "a>h2");
    vms[0].session_active = true;
    EXPECT_EQ(planned().substr(0, 4), "b>h2");
    vms[1].session_active = true;
    EXPECT_EQ(planned().substr(0, 4), "c>h2") << "though it saves less";
}

// Nobody makes room for others who is at work.
TEST_F(PlannerRoom, SomebodysSessionMakesNoRoom) {
    fill_all().session_active = true;
    parameters.weight_memory = 0;
    EXPECT_EQ(planned(), "");
    vms[3].session_active = false;
    EXPECT_EQ(planned(), "filler>h3 rest>h2");
}

}  // namespace
}  // namespace ballast::policy::test
