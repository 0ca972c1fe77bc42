// Golden plans of the planner for small pools, and its answers to what it must not do.
#include "policy/planner/planner.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "tests/unit/policy_pool.hpp"

namespace ballast::policy::test {
namespace {

constexpr std::string_view ballast = "ballast";

// Two hosts of 10 cores: h1 at 95 %, h2 at 10 %.
struct Planner : testing::Test, PoolBook {
    Planner() { parameters.keep_spare_host = 0; }
    void hot_and_idle() {
        host("h1");
        host("h2");
        vm("big", 0, 4.0, 400);
        vm("mid", 0, 3.0, 300);
        vm("small", 0, 2.5, 200);
        vm("other", 1, 1.0, 100);
    }
    Constraint verdict(VmIndex v) const {
        EXPECT_EQ(plan.vms[v].kind, Verdict::Kind::stays);
        return plan.vms[v].constraint;
    }
};

TEST_F(Planner, RelievesAHotHostWithOneMoveThatLeavesTheDestinationCool) {
    hot_and_idle();
    EXPECT_EQ(moves(ballast), "big>h2");
    EXPECT_TRUE(plan.unresolved.empty());
    EXPECT_NE(plan.moves[0].why.view().find("h1 is overloaded"), std::string_view::npos)
        << plan.moves[0].why.view();
    EXPECT_GT(plan.moves[0].saves, plan.moves[0].price);
}

TEST_F(Planner, TakesTwoGuestsWhenNoSingleOneIsEnough) {
    host("h1");
    host("h2");
    for (const char* name : {"a", "b", "c", "d", "e", "f", "g", "h"}) {
        vm(name, 0, 1.2);
    }
    EXPECT_EQ(moves(ballast), "a>h2 b>h2");
}

TEST_F(Planner, ALittleAboveTheThresholdIsPutUpWith) {
    host("h1");
    host("h2");
    vm("a", 0, 4.7);
    vm("b", 0, 4.0);
    parameters.balance = 0;
    EXPECT_EQ(moves(ballast), "") << "87 %, and 88 are put up with";
    EXPECT_EQ(plan.unresolved.size(), 1U) << "which is said all the same";
    vms[1].cpu_cores = keep({4.2});
    EXPECT_EQ(moves(ballast), "a>h2");
    vms[1].cpu_cores = keep({4.0});
    parameters.hysteresis = 0;
    EXPECT_EQ(moves(ballast), "a>h2");
}

TEST_F(Planner, ASpikeOfAFewSamplesMovesNobody) {
    host("h1");
    host("h2");
    std::vector<double> calm(60, 2.0);
    std::vector<double> spike = calm;
    spike[57] = spike[58] = spike[59] = 8.0;
    vm("a", 0, spike);
    vm("b", 0, calm);
    vm("c", 1, calm);
    EXPECT_EQ(moves(ballast), "");
    EXPECT_TRUE(plan.conclusion.view().starts_with("nothing to do")) << plan.conclusion.view();
}

TEST_F(Planner, ABalancedPoolIsLeftAloneAndSaysWhyForEveryGuest) {
    for (const char* name : {"h1", "h2", "h3"}) {
        host(name);
    }
    for (HostIndex h = 0; h < 3; ++h) {
        vm("vm" + std::to_string(h), h, 5.0);
    }
    EXPECT_EQ(moves(ballast), "");
    for (VmIndex v = 0; v < 3; ++v) {
        EXPECT_EQ(verdict(v), Constraint::gain_too_small);
        EXPECT_LT(plan.vms[v].have, plan.vms[v].limit);
    }
    EXPECT_EQ(plan.vms_by_rule[static_cast<std::size_t>(Constraint::gain_too_small)], 3U);
}

TEST_F(Planner, LooksForWhatABestMoveWouldSaveNoLongerThanItMaySearch) {
    constexpr int hosts_count = 64;
    constexpr int guests_count = 512;
    for (int h = 0; h < hosts_count; ++h) {
        host("h" + std::to_string(h));
    }
    for (int i = 0; i < guests_count; ++i) {
        vm("vm" + std::to_string(i), static_cast<HostIndex>(i % hosts_count), 0.5);
    }
    const auto worked_out = [&] {
        return std::count_if(plan.vms.begin(), plan.vms.begin() + guests_count,
                             [](const Verdict& one) { return !std::isnan(one.have); });
    };
    ASSERT_TRUE(run(ballast).ok());
    EXPECT_EQ(worked_out(), guests_count);
    parameters.time_budget_ms = 1;
    ASSERT_TRUE(run(ballast).ok());
    EXPECT_GT(worked_out(), 0);
    EXPECT_LT(worked_out(), guests_count);
    EXPECT_EQ(plan.vms_by_rule[static_cast<std::size_t>(Constraint::gain_too_small)],
              static_cast<std::uint32_t>(guests_count));
}

// Of the same mean, and as high now: one guest's load lasts, the other's goes up and down.
TEST_F(Planner, WhatAGuestKeepsOfARiseIsReadFromItsOwnSamplesToo) {
    constexpr std::size_t instants = 60;
    std::vector<double> lasting(instants);
    std::vector<double> restless(instants);
    for (std::size_t i = 0; i < instants; ++i) {
        lasting[i] = i < instants / 2 ? 1 : 3;
        restless[i] = i % 2 == 0 ? 1 : 3;
    }
    host("h1");
    host("h2");
    vm("lasting", 0, lasting);
    vm("restless", 1, restless);
    parameters.relief_seconds = 1;  // the last sample
    parameters.balance = 0;         // the loads that are told are those to come
    EXPECT_EQ(moves(ballast), "");
    EXPECT_GT(plan.before.hosts[0].cpu, 0.23);
    EXPECT_NEAR(plan.before.hosts[1].cpu, 0.2, 0.01);
}

TEST_F(Planner, GuestsOfOneGroupAreKeptApart) {
    hot_and_idle();
    for (const VmIndex v : {0U, 3U}) {
        vms[v].anti_affinity = "web";
    }
    EXPECT_EQ(moves(ballast), "mid>h2");
}

TEST_F(Planner, AGuestStaysDuringItsCoolDownAndDoesNotGoBackWhereItCameFrom) {
    hot_and_idle();
    parameters.cool_down_seconds = 600;
    vms[0].last_moved_seconds_ago = 60;
    EXPECT_EQ(moves(ballast), "mid>h2");
    EXPECT_EQ(verdict(0), Constraint::cool_down);
    vms[0].last_moved_seconds_ago = 3600;
    vms[0].came_from = 1;
    EXPECT_EQ(moves(ballast), "mid>h2") << "it came from h2 an hour ago";
    vms[0].last_moved_seconds_ago = 7200;
    EXPECT_EQ(moves(ballast), "big>h2") << "that is forgotten by now";
}

TEST_F(Planner, AGuestThatHasJustBeenStartedStays) {
    hot_and_idle();
    parameters.cool_down_seconds = 300;
    vms[0].started_seconds_ago = 299;
    EXPECT_EQ(moves(ballast), "mid>h2");
    EXPECT_EQ(verdict(0), Constraint::cool_down);
    vms[0].last_moved_seconds_ago = 86400;
    EXPECT_EQ(moves(ballast), "mid>h2") << "that it moved long ago does not help";
    vms[0].started_seconds_ago = 300;
    EXPECT_EQ(moves(ballast), "big>h2");
}

TEST_F(Planner, AHostWithTooFewSamplesNeitherGivesNorTakes) {
    hot_and_idle();
    parameters.samples_min = 2;
    EXPECT_EQ(moves(ballast), "");
    EXPECT_EQ(verdict(0), Constraint::too_few_samples);
}

TEST_F(Planner, TwoBalancersThatFightDoNotMoveAGuestToAndFro) {
    host("h1");
    host("h2");
    vm("a", 0, 5.0);
    vm("b", 0, 4.5);
    ASSERT_EQ(moves(ballast), "a>h2");
    // Somebody moves it back at once: it came from h2 now, and does not return there for `return_seconds`.
    vms[0].last_moved_seconds_ago = 30;
    vms[0].came_from = 1;
    EXPECT_EQ(moves(ballast), "b>h2");
    vms[1].last_moved_seconds_ago = 30;
    vms[1].came_from = 1;
    EXPECT_EQ(moves(ballast), "");
    EXPECT_EQ(plan.unresolved.size(), 1U);
}

TEST_F(Planner, ADrainingHostEmptiesAndSaysWhatCannotLeave) {
    host("h1").state = HostState::draining;
    host("h2");
    host("h3");
    vm("a", 0, 1.0, 400);
    vm("b", 0, 1.0, 300);
    vm("pinned", 0, 1.0, 100).movable = false;
    vm("paused", 0, 0.0, 100).state = VmState::paused;
    EXPECT_EQ(moves(ballast), "b>h3 a>h2");
    EXPECT_EQ(verdict(2), Constraint::not_movable);
    EXPECT_EQ(verdict(3), Constraint::vm_state);
}

TEST_F(Planner, ACordonedHostNeitherGivesNorTakes) {
    hot_and_idle();
    hosts[1].state = HostState::cordoned;
    EXPECT_EQ(moves(ballast), "");
    hosts[0].state = HostState::cordoned;
    hosts[1].state = HostState::up;
    EXPECT_EQ(moves(ballast), "");
    EXPECT_EQ(verdict(0), Constraint::host_state);
}

TEST_F(Planner, OutsideItsHoursNothingMovesButFromADrainingHost) {
    hot_and_idle();
    parameters.moves_from_minute = 22 * 60;
    parameters.moves_until_minute = 6 * 60;
    const auto at = [&](std::uint32_t minute) {
        Pool now = pool();
        now.minute_of_day = minute;
        EXPECT_TRUE(policy::plan(*find_policy(ballast), now, parameters, workspace, plan).ok());
        return plan.moves.size();
    };
    EXPECT_EQ(at(12 * 60), 0U);
    EXPECT_EQ(verdict(0), Constraint::outside_window);
    EXPECT_EQ(at(23 * 60), 1U);
    EXPECT_EQ(at(3 * 60), 1U);
    hosts[0].state = HostState::draining;
    EXPECT_EQ(at(12 * 60), 3U);
}

TEST_F(Planner, TheSpareHostIsKept) {
    parameters.keep_spare_host = 1;
    parameters.weight_memory = 0;
    host("h1", 10, 1000);
    host("h2", 10, 1000);
    host("h3", 10, 1000);
    vm("a", 0, 5.0, 500);
    vm("b", 0, 4.6, 400);
    vm("c", 1, 0.5, 400);
    // After a>h3 or b>h2 the largest host's guests still fit on the others.
    EXPECT_FALSE(moves(ballast).empty());
    vm("d", 1, 0.1, 500);
    vm("e", 2, 0.1, 500);
    parameters.balance = 0;
    EXPECT_EQ(moves(ballast), "a>h3") << "N+1 does not hold to begin with, so it forbids nothing";
}

TEST_F(Planner, AnOverloadThatOnlyASwapSolvesIsSolvedThoughItsPriceIsMoreThanItSaves) {
    host("h1", 10);
    host("h2", 10);
    vm("a", 0, 5.0);
    vm("b", 0, 3.6);
    vm("c", 1, 4.2);
    vm("d", 1, 2.7);
    parameters.hysteresis = 0;
    parameters.price_per_move = 0.1;  // two of them: the swap saves 0.16
    ASSERT_TRUE(run(ballast).ok());
    ASSERT_EQ(plan.moves.size(), 1U);
    EXPECT_EQ(plan.moves[0].kind, MoveKind::swap);
    EXPECT_TRUE(plan.unresolved.empty());
    vms[0].cpu_cores = vms[2].cpu_cores;  // nobody is overloaded: nothing is worth that price
    ASSERT_TRUE(run(ballast).ok());
    EXPECT_TRUE(plan.moves.empty());
}

TEST_F(Planner, WhereASwapCountsAsOneItRelievesTwoHostsThatSuitEachOtherAtOnce) {
    host("h1").net_mbps = 1000;
    host("h2").net_mbps = 1000;
    for (const char* name : {"a", "b", "c"}) {
        vm(name, 0, 3.0);
    }
    for (const char* name : {"x", "y", "z"}) {
        vm(name, 1, 0.1).net_mbps = keep({300});
    }
    host("h3").net_mbps = 1000;
    vm("w", 2, 4.0).net_mbps = keep({400});
    parameters.balance = 0;
    EXPECT_EQ(moves(ballast), "a>h3 x>h1") << "a move for each";
    parameters.swap_counts = 1;
    ASSERT_TRUE(run(ballast).ok());
    ASSERT_EQ(plan.moves.size(), 1U);
    EXPECT_EQ(plan.moves[0].kind, MoveKind::swap);
    EXPECT_EQ(plan.moves[0].memory_mib, 2 * vms[0].memory_mib);
    EXPECT_TRUE(plan.unresolved.empty());
}

TEST_F(Planner, ASwapThatMemoryLetsNeitherGuestBeginIsNotChosen) {
    host("h1", 10, 1000).net_mbps = 1000;
    host("h2", 10, 1000).net_mbps = 1000;
    vm("a", 0, 6.0, 500);
    vm("b", 0, 3.5, 400);
    vm("x", 1, 0.1, 500).net_mbps = keep({600});
    vm("y", 1, 0.1, 400).net_mbps = keep({350});
    parameters.swap_counts = 1;
    parameters.balance = 0;
    EXPECT_EQ(moves(ballast), "");
    EXPECT_EQ(plan.unresolved.size(), 2U);
}

TEST_F(Planner, OneHostAndNoGuestsAreNoTrouble) {
    EXPECT_EQ(moves(ballast), "");
    host("h1");
    EXPECT_EQ(moves(ballast), "");
    vm("a", 0, 9.9);
    EXPECT_EQ(moves(ballast), "");
    EXPECT_EQ(plan.unresolved.size(), 1U);
}

TEST_F(Planner, MovesOfDifferentHostsShareAWaveAndThoseOfOneHostDoNot) {
    parameters.balance = 0;
    for (const char* name : {"h1", "h2", "i1", "i2"}) {
        host(name);
    }
    vm("a", 0, 5.0);
    vm("b", 0, 4.9);
    vm("c", 1, 5.0);
    vm("d", 1, 4.9);
    ASSERT_EQ(moves(ballast), "a>i1 c>i2");
    EXPECT_EQ(plan.moves[0].wave, 0U);
    EXPECT_EQ(plan.moves[1].wave, 0U);
    hosts[0].state = HostState::draining;
    hosts[1].state = HostState::up;
    ASSERT_TRUE(run(ballast).ok());
    ASSERT_GE(plan.moves.size(), 2U);
    EXPECT_NE(plan.moves[0].wave, plan.moves[1].wave) << "both leave h1";
}

TEST_F(Planner, ABudgetOfMovesIsKeptAndTheBestComeFirst) {
    host("h1");
    host("h2");
    for (int i = 0; i < 8; ++i) {
        vm("vm" + std::to_string(i), 0, 0.95 + 0.02 * i);
    }
    ASSERT_TRUE(run(ballast).ok());
    ASSERT_GT(plan.moves.size(), 2U);
    for (std::size_t i = 1; i < plan.moves.size(); ++i) {
        EXPECT_GE(plan.moves[i - 1].saves, plan.moves[i].saves) << "each saves less than the one before";
    }
    parameters.moves_max = 2;
    ASSERT_TRUE(run(ballast).ok());
    EXPECT_EQ(plan.moves.size(), 2U);
}

TEST_F(Planner, SaysWhetherItsSearchWasComplete) {
    constexpr int hosts_count = 30;
    constexpr int guests_each = 30;
    for (int h = 0; h < hosts_count; ++h) {
        host("h" + std::to_string(h));
    }
    for (int i = 0; i < hosts_count / 2 * guests_each; ++i) {
        vm("vm" + std::to_string(i), static_cast<HostIndex>(i % (hosts_count / 2)), 0.1 + 0.001 * (i % 97));
    }
    parameters.calm_price = 1;  // half the hosts carry 45 %: hardly worth a look otherwise
    ASSERT_TRUE(run(ballast).ok());
    EXPECT_EQ(plan.search, SearchEnd::complete);
    const std::size_t all = plan.moves.size();
    parameters.time_budget_ms = 1;
    ASSERT_TRUE(run(ballast).ok());
    EXPECT_EQ(plan.search, SearchEnd::cut_short);
    EXPECT_LE(plan.moves.size(), all);
    ASSERT_TRUE(run("vds-1a").ok());
    EXPECT_EQ(plan.search, SearchEnd::none) << "it does not search";
}

TEST_F(Planner, ItsParametersAreSetByName) {
    hot_and_idle();
    ASSERT_TRUE(set(parameters, "max_moves", "3") == std::nullopt);
    EXPECT_EQ(parameters.moves_max, 3U);
    ASSERT_TRUE(set(parameters, "time_budget_ms", "1") == std::nullopt);
    EXPECT_EQ(moves(ballast), "big>h2") << "what is overloaded is relieved whatever the search may take";
}

}  // namespace
}  // namespace ballast::policy::test
