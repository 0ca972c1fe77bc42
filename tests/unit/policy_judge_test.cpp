// What is said of a round: verdicts, counts by rule, the nearest threshold, the conclusion.
#include "policy/judge.hpp"

#include <gtest/gtest.h>

#include "policy/means.hpp"
#include "tests/unit/policy_pool.hpp"

namespace ballast::policy::test {
namespace {

std::uint32_t count(const std::array<std::uint32_t, constraint_count>& counts, Constraint constraint) {
    return counts[static_cast<std::size_t>(constraint)];
}

TEST(PolicyVerdicts, NothingToDoSaysHowNearTheNearestThresholdIs) {
    PoolBook book;
    book.host("calm");
    book.host("near");
    book.vm("a", 0, 3.0);
    book.vm("b", 1, 7.1);
    for (const Policy& policy : policies()) {
        (void)book.moves(policy.name);
        EXPECT_EQ(book.plan.conclusion.view(),
                  "nothing to do: no host is overloaded; the nearest, near has cpu at 71.0% of 80.0%")
            << policy.name;
        EXPECT_EQ(book.plan.nearest.host, 1U);
        EXPECT_DOUBLE_EQ(book.plan.nearest.have, 0.71);
        EXPECT_EQ(count(book.plan.hosts_by_rule, Constraint::not_overloaded), 2U);
        if (policy.family != Family::ballast) {  // it looks at calm hosts too, and says what the move lacked
            EXPECT_EQ(book.plan.vms[1].constraint, Constraint::not_overloaded);
            EXPECT_DOUBLE_EQ(book.plan.vms[1].have, 0.71);
            EXPECT_DOUBLE_EQ(book.plan.vms[1].limit, 0.8);
        }
    }
}

TEST(PolicyVerdicts, NothingToDoBeforeTheFirstSampleSaysSo) {
    PoolBook book;
    book.host("h1");
    book.host("h2");
    book.vm("a", 0, 3.0);
    book.vm("b", 1, 7.1);
    for (Vm& vm : book.vms) {
        vm.cpu_cores = {};
    }
    for (const Policy& policy : policies()) {
        (void)book.moves(policy.name);
        EXPECT_EQ(book.plan.conclusion.view(), "nothing to do: no guest's load has been measured yet")
            << policy.name;
    }
    book.vms[1].state = VmState::paused;
    book.vms[0].state = VmState::paused;
    (void)book.moves("ballast");
    EXPECT_TRUE(book.plan.conclusion.view().starts_with("nothing to do: no host is overloaded"))
        << "there is no load to be measured";
}

TEST(PolicyVerdicts, EveryGuestAndHostIsToldWhatKeptIt) {
    PoolBook book;
    book.host("h1");
    book.host("h2");
    book.host("off").state = HostState::cordoned;
    book.vm("moves", 0, 5.0);
    book.vm("second", 0, 2.0);
    book.vm("third", 0, 1.5);
    book.vm("fixed", 0, 0.3).movable = false;
    book.vm("asleep", 0, 0.0).state = VmState::paused;
    book.vm("elsewhere", 2, 1.0);
    EXPECT_EQ(book.moves("vds-1a"), "moves>h2");
    EXPECT_EQ(book.plan.vms[0].kind, Verdict::Kind::moves);
    EXPECT_EQ(book.plan.vms[0].to, 1U);
    EXPECT_EQ(book.plan.vms[1].constraint, Constraint::not_selected);
    EXPECT_DOUBLE_EQ(book.plan.vms[2].have, 3) << "third of the guests";
    EXPECT_DOUBLE_EQ(book.plan.vms[2].limit, 1) << "of whom the rule takes one";
    EXPECT_EQ(book.plan.vms[3].constraint, Constraint::not_movable);
    EXPECT_EQ(book.plan.vms[4].constraint, Constraint::vm_state);
    EXPECT_EQ(book.plan.vms[5].constraint, Constraint::host_state);
    EXPECT_EQ(book.plan.hosts[0].kind, Verdict::Kind::moves);
    EXPECT_EQ(book.plan.hosts[1].constraint, Constraint::not_overloaded);
    EXPECT_EQ(book.plan.hosts[2].constraint, Constraint::host_state);
    EXPECT_EQ(count(book.plan.vms_by_rule, Constraint::not_selected), 2U);
    EXPECT_EQ(book.plan.conclusion.view(), "1 move: h1 has cpu at 88.0% of 80.0%");
}

// Whatever policy balances: a drain is no policy's.
TEST(PolicyVerdicts, GuestsOfADrainingHostAreToldWhatKeepsThemThere) {
    for (const char* policy : {"vds-3b", "sandpiper", "scoa", "ballast"}) {
        PoolBook book;
        book.host("h1").state = HostState::draining;
        book.host("h2");
        book.vm("fixed", 0, 0.3).movable = false;
        book.vm("asleep", 0, 0.0).state = VmState::saved;
        book.vm("free", 0, 0.3);
        EXPECT_TRUE(book.run(policy).ok());
        EXPECT_EQ(book.plan.vms[0].constraint, Constraint::not_movable) << policy;
        EXPECT_EQ(book.plan.vms[1].constraint, Constraint::vm_state) << policy;
    }
}

TEST(PolicyVerdicts, AMoveSaysWhatItDoesToBothHosts) {
    PoolBook book;
    for (const char* name : {"h1", "h2"}) {
        Host& host = book.host(name);
        host.net_mbps = 1000;
        host.disk_mbps = 100;
    }
    book.hosts[1].cpu_cores = 20;
    Vm& vm = book.vm("a", 0, 5.0, 1000);
    vm.net_mbps = book.keep({200});
    vm.disk_mbps = book.keep({10});
    vm.memory_used_mib = book.keep({500});
    book.vm("b", 0, 4.0, 1000);
    ASSERT_EQ(book.moves("scoa"), "a>h2");
    const Move& move = book.plan.moves[0];
    EXPECT_DOUBLE_EQ(move.from_before.cpu, 0.9);
    EXPECT_DOUBLE_EQ(move.from_after.cpu, 0.4);
    EXPECT_DOUBLE_EQ(move.to_after.cpu, 0.25) << "of its own 20 cores";
    EXPECT_DOUBLE_EQ(move.from_after.net, 0);
    EXPECT_DOUBLE_EQ(move.to_after.net, 0.2);
    EXPECT_DOUBLE_EQ(move.to_after.disk, 0.1);
    EXPECT_DOUBLE_EQ(move.to_after.memory, 0.1);
    EXPECT_DOUBLE_EQ(move.to_after.memory_used, 0.05);
}

TEST(PolicyVerdicts, APlanWithoutRoomForVerdictsIsTheSamePlan) {
    PoolBook book;
    book.host("h1");
    book.host("h2");
    book.vm("a", 0, 5.0);
    book.vm("b", 0, 4.0);
    std::vector<std::byte> memory(1 << 20);
    Arena arena{memory};
    Plan plan = make_plan(arena, 8, 8, 8);
    ASSERT_TRUE(
        ballast::policy::plan(*find_policy("scoa"), book.pool(), book.parameters, book.workspace, plan).ok());
    EXPECT_EQ(plan.moves.size(), 1U);
    EXPECT_FALSE(plan.conclusion.empty());
}

TEST(PolicyLegs, OfASwapAreInTheOrderThatMemoryAsksFor) {
    Move move;
    move.kind = MoveKind::swap;
    move.vm = 1;
    move.with = 2;
    move.with_more.push(3);
    move.from = 7;
    move.to = 8;
    const auto order = [&](std::uint32_t first) {
        move.with_first = first;
        std::string text;
        for (const Leg& leg : legs(move)) {
            text += std::to_string(leg.vm) + (leg.to == 8 ? ">" : "<");
        }
        return text;
    };
    EXPECT_EQ(order(0), "1>2<3<");
    EXPECT_EQ(order(1), "2<1>3<");
    EXPECT_EQ(order(2), "2<3<1>");
}

}  // namespace
}  // namespace ballast::policy::test
