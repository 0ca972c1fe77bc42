// Every sentence of the deterministic VDS rules, pinned by a pool worked out by hand.
#include "policy/vds.hpp"

#include <gtest/gtest.h>

#include "tests/unit/policy_pool.hpp"

namespace ballast::policy::test {
namespace {

// h1 at 0.9 of 10 cores with ten guests g0 (1.8) down to g9; four idle hosts, i1 the least loaded.
void ten_guests(PoolBook& book) {
    book.host("h1");
    const double cores[] = {1.8, 1.5, 1.3, 1.1, 0.9, 0.8, 0.6, 0.5, 0.3, 0.2};
    for (int i = 0; i < 10; ++i) {
        book.vm("g" + std::to_string(i), 0, cores[i]);
    }
    for (int i = 1; i <= 4; ++i) {
        book.host("i" + std::to_string(i));
        book.vm("load" + std::to_string(i), static_cast<HostIndex>(i), i * 0.1);
    }
}

TEST(VdsPolicy, SelectsAndSpreadsAsTheTableOfPoliciesSays) {
    PoolBook book;
    ten_guests(book);
    EXPECT_EQ(book.moves("vds-1a"), "g0>i1");
    EXPECT_EQ(book.moves("vds-2a"), "g5>i1 g6>i1 g7>i1 g8>i1 g9>i1") << "the lower half, still busiest first";
    EXPECT_EQ(book.moves("vds-2b"), "g5>i1 g6>i2 g7>i1 g8>i2 g9>i1") << "spread over 2 of 4 destinations";
    EXPECT_EQ(book.moves("vds-3a"), "g1>i1 g2>i1 g3>i1") << "ceil(0.4 * 10) without the first";
    EXPECT_EQ(book.moves("vds-3b"), "g1>i1 g2>i2 g3>i1");
    EXPECT_EQ(book.moves("vds-4a"), "g0>i1") << "ceil(0.1 * 10)";
    EXPECT_EQ(book.moves("vds-4c"), "g0>i1") << "ceil(0.1 * 4) destinations";
    EXPECT_EQ(book.moves("none"), "");
}

TEST(VdsPolicy, RatesCanBeSet) {
    PoolBook book;
    ten_guests(book);
    book.parameters.guest_rate = 0.3;
    book.parameters.host_rate = 0.75;
    EXPECT_EQ(book.moves("vds-4c"), "g0>i1 g1>i2 g2>i3");
}

TEST(VdsPolicy, CountsRoundUpAndBinaryFractionsDoNotPushThemFurther) {
    EXPECT_EQ(share_of(5, 0.5), 3U);
    EXPECT_EQ(share_of(1, 0.1), 1U);
    EXPECT_EQ(share_of(0, 0.4), 0U);
    EXPECT_EQ(share_of(70, 0.1), 7U);
    EXPECT_EQ(share_of(15, 0.4), 6U);
    EXPECT_EQ(share_of(3, 0.4), 2U);
    EXPECT_EQ(share_of(4, 1.0), 4U);
}

TEST(VdsPolicy, RuleThreeMaySelectNone) {
    PoolBook book;
    book.host("h1");
    book.host("h2");
    book.vm("a", 0, 5.0);
    book.vm("b", 0, 4.0);
    EXPECT_EQ(book.moves("vds-3b"), "") << "ceil(0.4 * 2) = 1, and that one is the busiest";
    EXPECT_EQ(book.plan.source, 0U);
    EXPECT_EQ(book.plan.unresolved.size(), 1U);
}

TEST(VdsPolicy, TheSourceIsTheBusiestUpHostAtOrAboveTheCriticalLoad) {
    PoolBook book;
    book.host("low");
    book.host("at");
    book.host("above");
    book.vm("a", 0, 7.99);
    book.vm("b", 1, 8.0);
    book.vm("c", 2, 9.0);
    (void)book.run("vds-1a");
    EXPECT_EQ(book.plan.source, 2U);
    book.hosts[2].state = HostState::suspect;
    (void)book.run("vds-1a");
    EXPECT_EQ(book.plan.source, 1U) << "exactly at the critical load counts";
    book.hosts[1].state = HostState::cordoned;
    (void)book.run("vds-1a");
    EXPECT_EQ(book.plan.source, no_index);
    EXPECT_TRUE(book.plan.moves.empty());
}

TEST(VdsPolicy, TiesAreBrokenByName) {
    PoolBook book;
    book.host("z");
    book.host("m");
    book.host("t2");
    book.host("t1");
    for (HostIndex h : {0U, 1U}) {
        book.vm(h == 0 ? "b" : "q", h, 3.0);
        book.vm(h == 0 ? "a" : "p", h, 3.0);
        book.vm(h == 0 ? "c" : "r", h, 3.0);
    }
    EXPECT_EQ(book.moves("vds-1a"), "p>t1") << "host m before z, guest p before q and r, t1 before t2";
}

TEST(VdsPolicy, OnlyRunningMovableGuestsAreCountedAndTaken) {
    PoolBook book;
    book.host("h1");
    book.host("h2");
    book.vm("fixed", 0, 3.0).movable = false;
    book.vm("paused", 0, 2.5).state = VmState::paused;
    book.vm("a", 0, 1.5);
    book.vm("b", 0, 1.0);
    book.vm("c", 0, 0.5);
    EXPECT_EQ(book.moves("vds-1a"), "a>h2");
    EXPECT_EQ(book.moves("vds-3a"), "b>h2") << "ceil(0.4 * 3) = 2 of a, b, c without a";
}

TEST(VdsPolicy, MemoryThatDoesNotFitSendsAGuestOnCyclically) {
    PoolBook book;
    ten_guests(book);
    book.hosts[1].memory_mib = 150;  // i1 has 50 MiB left
    EXPECT_EQ(book.moves("vds-3b"), "g1>i2 g2>i2 g3>i2");
    EXPECT_EQ(book.rejection("g1", "i1").constraint, Constraint::destination_memory);
    EXPECT_DOUBLE_EQ(book.rejection("g1", "i1").have, 200);
    EXPECT_DOUBLE_EQ(book.rejection("g1", "i1").limit, 150);
    book.hosts[1].memory_mib = 10000;
    book.hosts[2].memory_mib = 150;  // i2 is the last of the two that B keeps: on from there is i1 again
    EXPECT_EQ(book.moves("vds-3b"), "g1>i1 g2>i1 g3>i1");
    book.hosts[1].memory_mib = 150;
    EXPECT_EQ(book.moves("vds-3b"), "") << "B never leaves the hosts that it keeps";
    EXPECT_EQ(book.moves("vds-3a"), "g1>i3 g2>i3 g3>i3") << "A goes on down the whole list";
}

TEST(VdsPolicy, MemoryCountsReservesSavedGuestsAndEarlierMoves) {
    PoolBook book;
    ten_guests(book);
    book.hosts[1].memory_mib = 400;
    book.hosts[1].memory_reserved_mib = 100;  // 100 used, 200 left: two guests
    EXPECT_EQ(book.moves("vds-3a"), "g1>i1 g2>i1 g3>i2");
    book.vm("asleep", 1, 0.0, 5000).state = VmState::saved;
    EXPECT_EQ(book.moves("vds-3a"), "g1>i1 g2>i1 g3>i2") << "a saved guest takes none";
    Vm& coming = book.vm("coming", 3, 0.0, 100);
    coming.state = VmState::migrating;
    coming.moving_to = 1;
    EXPECT_EQ(book.moves("vds-3a"), "g1>i1 g2>i2 g3>i2") << "one in flight takes it on both sides";
}

TEST(VdsPolicy, GivesUpAGuestThatWouldMakeTheDestinationBusierThanTheSourceIs) {
    PoolBook book;
    book.host("h1");
    book.host("h2");
    book.host("h3");
    book.vm("a", 0, 5.0);
    book.vm("b", 0, 3.5);
    book.vm("x", 1, 4.0);
    book.vm("y", 2, 4.5);
    EXPECT_EQ(book.moves("vds-1a"), "") << "0.4 + 0.5 > 0.85, and h3 is not tried";
    EXPECT_EQ(book.rejection("a").constraint, Constraint::destination_cpu);
    EXPECT_DOUBLE_EQ(book.rejection("a").have, 0.9);
    EXPECT_DOUBLE_EQ(book.rejection("a").limit, 0.85);
    EXPECT_EQ(book.plan.rejected.size(), 1U);
}

TEST(VdsPolicy, EqualToTheSourceIsNotGivenUp) {
    PoolBook book;
    book.host("h1", 8);
    book.host("h2", 8);
    book.vm("a", 0, 4.0);
    book.vm("b", 0, 3.0);
    book.vm("x", 1, 3.0);
    EXPECT_EQ(book.moves("vds-1a"), "a>h2") << "0.375 + 0.5 = 0.875, exactly the source's";
}

TEST(VdsPolicy, TheGiveUpRuleCountsEarlierMovesAndTheSourceAsMeasured) {
    PoolBook book;
    book.host("h1", 8);
    book.host("h2", 8);
    for (const char* name : {"a", "b", "c", "d", "e", "f", "g", "i"}) {
        book.vm(name, 0, 1.0);
    }
    book.vm("x", 1, 6.5);
    // 3A: b, c, d. 0.8125 + 0.125 = 0.9375 fits under 1.0; the next would be 1.0625.
    EXPECT_EQ(book.moves("vds-3a"), "b>h2");
    EXPECT_DOUBLE_EQ(book.rejection("c").have, 1.0625);
    EXPECT_DOUBLE_EQ(book.rejection("c").limit, 1.0);
}

TEST(VdsPolicy, UtilisationIsThatOfTheDestinationsOwnCores) {
    PoolBook book;
    book.host("h1", 4);
    book.host("small", 2);
    book.vm("a", 0, 2.0);
    book.vm("b", 0, 1.6);
    EXPECT_EQ(book.moves("vds-1a"), "") << "2 of 2 cores is 1.0, above 0.9";
    book.hosts[1].cpu_cores = 4;
    EXPECT_EQ(book.moves("vds-1a"), "a>small");
}

TEST(VdsPolicy, AGuestInItsCoolDownStaysAndKeepsItsTurn) {
    PoolBook book;
    ten_guests(book);
    book.parameters.cool_down_seconds = 300;
    book.vms[1].last_moved_seconds_ago = 299;
    EXPECT_EQ(book.moves("vds-3b"), "g2>i2 g3>i1");
    EXPECT_EQ(book.rejection("g1").constraint, Constraint::cool_down);
    book.vms[1].last_moved_seconds_ago = 300;
    EXPECT_EQ(book.moves("vds-3b"), "g1>i1 g2>i2 g3>i1");
}

TEST(VdsPolicy, HostsInFlightWait) {
    PoolBook book;
    ten_guests(book);
    book.hosts[1].migrations_in = 1;
    EXPECT_EQ(book.moves("vds-1a"), "g0>i2");
    EXPECT_EQ(book.rejection("g0", "i1").constraint, Constraint::destination_in_flight);
    book.hosts[0].migrations_out = 1;
    EXPECT_EQ(book.moves("vds-1a"), "");
    EXPECT_EQ(book.plan.rejected.items()[0].constraint, Constraint::source_in_flight);
}

TEST(VdsPolicy, MovesAreBoundedOnRequest) {
    PoolBook book;
    ten_guests(book);
    book.parameters.moves_max = 2;
    EXPECT_EQ(book.moves("vds-3b"), "g1>i1 g2>i2");
    EXPECT_EQ(book.rejection("g3").constraint, Constraint::moves_max);
}

TEST(VdsPolicy, EveryMoveSaysWhy) {
    PoolBook book;
    ten_guests(book);
    (void)book.run("vds-1a");
    const std::string why{book.plan.moves[0].why.view()};
    for (const char* part : {"h1 is at 90.0% CPU", "critical 80.0%", "g0", "1.80 cores", "i1 had 1.0% CPU"}) {
        EXPECT_NE(why.find(part), std::string::npos) << part << " in: " << why;
    }
}

TEST(VdsPolicy, WithoutAnotherHostNothingMoves) {
    PoolBook book;
    book.host("h1");
    book.vm("a", 0, 9.0);
    EXPECT_EQ(book.moves("vds-1a"), "");
    EXPECT_EQ(book.plan.rejected.items()[0].constraint, Constraint::no_destination);
}

}  // namespace
}  // namespace ballast::policy::test
