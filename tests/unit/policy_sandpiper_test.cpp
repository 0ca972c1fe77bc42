// Sandpiper's rules, each pinned by a pool worked out by hand.
#include "policy/sandpiper.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "policy/history.hpp"
#include "tests/unit/policy_pool.hpp"

namespace ballast::policy::test {
namespace {

// Ten samples of the same value.
std::vector<double> steady(double value) {
    return std::vector<double>(10, value);
}

TEST(SandpiperVolume, IsTheProductOverTheWeighedResourcesAndCapped) {
    const PerResource<bool> papers{{true, true, true, false}};
    EXPECT_DOUBLE_EQ(volume({{0.5, 0.2, 0.75, 0.9}}, papers), 1 / 0.5 / 0.8 / 0.25);
    EXPECT_DOUBLE_EQ(volume({}, papers), 1);
    EXPECT_DOUBLE_EQ(volume({{1.7, 0, 0, 0}}, papers), 1 / (1 - 0.99)) << "a full host's volume is finite";
    EXPECT_DOUBLE_EQ(volume({{0.5, 0, 0, 0.5}}, {{true, true, true, true}}), 4);
}

TEST(SandpiperForecast, FollowsTheAutocorrelationOfTheHistory) {
    EXPECT_DOUBLE_EQ(predict_next({}), 0);
    EXPECT_DOUBLE_EQ(predict_next(std::vector<double>{0.7}), 0.7);
    EXPECT_DOUBLE_EQ(predict_next(std::vector<double>{0.5, 0.5, 0.5}), 0.5);
    // Mean 2, deviations -1 0 1: products 0, so the mean is the best guess.
    EXPECT_DOUBLE_EQ(predict_next(std::vector<double>{1, 2, 3}), 2);
    // Deviations -1 -1 1 1: products 1 - 1 + 1 = 1 of squares 4; 2 + 1/4.
    EXPECT_DOUBLE_EQ(predict_next(std::vector<double>{1, 1, 3, 3}), 2.25);
    // Alternating: the next goes the other way. -3 of 4; 2 - 3/4.
    EXPECT_DOUBLE_EQ(predict_next(std::vector<double>{1, 3, 1, 3}), 1.25);
}

TEST(SandpiperPolicy, MovesTheGuestWithMostVolumeForItsSizeToTheLeastLoadedHost) {
    PoolBook book;
    book.host("hot");
    book.host("warm");
    book.host("cool");
    book.vm("big", 0, steady(4.0), 4000);
    book.vm("small", 0, steady(3.0), 1000);  // 1/0.7 a 1000 MiB against 1/0.6 a 4000 MiB
    book.vm("other", 0, steady(2.0), 2000);
    book.vm("w", 1, steady(3.0));
    book.vm("c", 2, steady(1.0));
    EXPECT_EQ(book.moves("sandpiper"), "small>cool");
    EXPECT_EQ(book.plan.source, 0U);
    EXPECT_TRUE(book.plan.unresolved.empty());
    const std::string why{book.plan.moves[0].why.view()};
    for (const char* part : {"hot has cpu at 90.0% (threshold 80.0%)", "5 of its last 5 samples",
                             "90.0% predicted", "small brings 30.0% of it to cool", "1000 MiB"}) {
        EXPECT_NE(why.find(part), std::string::npos) << part << " in: " << why;
    }
}

TEST(SandpiperPolicy, GoesOnUntilNoThresholdIsPassed) {
    PoolBook book;
    book.host("hot");
    book.host("cool");
    for (const char* name : {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"}) {
        book.vm(name, 0, steady(1.0));
    }
    EXPECT_EQ(book.moves("sandpiper"), "a>cool b>cool") << "80 % is not above 80 %";
}

TEST(SandpiperPolicy, ASpikeOfAFewSamplesMovesNobody) {
    PoolBook book;
    book.host("h1");
    book.host("h2");
    book.vm("a", 0, std::vector<double>{2, 2, 2, 2, 2, 10, 10}, 100);
    EXPECT_EQ(book.moves("sandpiper"), "");
    EXPECT_EQ(book.plan.hosts[0].constraint, Constraint::not_sustained);
    EXPECT_DOUBLE_EQ(book.plan.hosts[0].have, 2);
    EXPECT_DOUBLE_EQ(book.plan.hosts[0].limit, 3);
}

TEST(SandpiperPolicy, APeakThatIsPredictedToEndMovesNobody) {
    PoolBook book;
    book.host("h1");
    book.host("h2");
    // Three of the last five samples above, but the past says that the next will not be.
    book.vm("a", 0, std::vector<double>{3, 3, 3, 3, 8.5, 8.5, 8.5}, 100);
    EXPECT_EQ(book.moves("sandpiper"), "");
    EXPECT_EQ(book.plan.hosts[0].constraint, Constraint::not_predicted);
    EXPECT_LT(book.plan.hosts[0].have, 0.8);
    EXPECT_DOUBLE_EQ(book.plan.hosts[0].limit, 0.8);
}

TEST(SandpiperPolicy, ASnapshotOfOneSampleIsJudgedByIt) {
    PoolBook book;
    book.host("h1");
    book.host("h2");
    book.vm("a", 0, 5.0);
    book.vm("b", 0, 4.0);
    EXPECT_EQ(book.moves("sandpiper"), "a>h2");
    book.parameters.samples_min = 7;
    EXPECT_EQ(book.moves("sandpiper"), "") << "unless the operator asks for more";
    EXPECT_EQ(book.plan.hosts[0].constraint, Constraint::too_few_samples);
}

TEST(SandpiperPolicy, TheDestinationIsCheckedAgainstThePeakOfTheGuest) {
    PoolBook book;
    book.host("hot");
    book.host("cool");
    book.host("cooler");
    book.vm("a", 0, std::vector<double>{2, 2, 7, 2, 2, 2, 2}, 100);  // mean 2.7, peak 7
    book.vm("b", 0, steady(6.0), 100000).movable = false;
    book.hosts[0].memory_mib = 1000000;
    book.vm("c", 1, steady(1.5));
    book.vm("d", 2, steady(1.4));
    EXPECT_EQ(book.moves("sandpiper"), "") << "80 % is passed by one sample only";
    book.vms[1].cpu_cores = book.keep(steady(7.0));
    EXPECT_EQ(book.moves("sandpiper"), "");
    const Rejection rejection = book.rejection("a", "cooler");
    EXPECT_EQ(rejection.constraint, Constraint::destination_cpu);
    EXPECT_DOUBLE_EQ(rejection.have, 0.84);
    EXPECT_DOUBLE_EQ(rejection.limit, 0.8);
    book.vms[3].cpu_cores = book.keep(steady(0.9));
    EXPECT_EQ(book.moves("sandpiper"), "a>cooler") << "9 % and a peak of 70 %";
}

TEST(SandpiperPolicy, AnyResourceCanMakeAHostHotAndAnyCanRefuse) {
    PoolBook book;
    for (const char* name : {"hot", "x", "y"}) {
        Host& host = book.host(name);
        host.net_mbps = 1000;
        host.disk_mbps = 100;
    }
    book.vm("a", 0, 1.0).net_mbps = book.keep({500});
    book.vm("b", 0, 1.0).net_mbps = book.keep({400});
    book.vm("n", 1, 0.0).net_mbps = book.keep({350});
    book.vm("c", 2, 7.5);
    EXPECT_EQ(book.moves("sandpiper"), "b>x") << "a fits neither network of x nor CPU of y";
    EXPECT_EQ(book.rejection("a", "x").constraint, Constraint::destination_net);
    EXPECT_EQ(book.rejection("a", "y").constraint, Constraint::destination_cpu);
    EXPECT_EQ(book.plan.nearest.resource, Resource::net);
    book.vms[0].disk_mbps = book.keep({99});
    book.vms[0].net_mbps = book.vms[1].net_mbps = Series{};
    EXPECT_EQ(book.moves("sandpiper"), "") << "disk is not weighed unless asked for";
    ASSERT_FALSE(set(book.parameters, "weigh_disk", "yes"));
    EXPECT_EQ(book.moves("sandpiper"), "");
    EXPECT_EQ(book.rejection("a", "x").constraint, Constraint::destination_disk);
}

TEST(SandpiperPolicy, AGuestThatDoesNotUseWhatIsShortStays) {
    PoolBook book;
    book.host("hot").net_mbps = 1000;
    book.host("x").net_mbps = 1000;
    book.vm("chatty", 0, 0.0, 50).net_mbps = book.keep({700});
    book.vm("p", 0, 4.5, 100);
    book.vm("q", 0, 4.5, 200);
    EXPECT_EQ(book.moves("sandpiper"), "p>x");
    EXPECT_EQ(book.rejection("chatty").constraint, Constraint::no_relief);
}

// Both hosts 10 cores; hot at 90 %, full at 70 %: nothing of hot fits there as it is.
void swap_pool(PoolBook& book) {
    book.host("hot");
    book.host("full");
    book.vm("a", 0, 2.5, 1000);
    book.vm("rest", 0, 6.5, 8000).movable = false;
    book.vm("s1", 1, 0.6, 1000);
    book.vm("s2", 1, 0.7, 1000);
    book.vm("s3", 1, 5.7, 1000);
    book.parameters.memory_threshold = 1;
}

TEST(SandpiperPolicy, SwapsOneGuestForSeveralWhenNoneCanMove) {
    PoolBook book;
    swap_pool(book);
    // 25 % away and 13 % back. With s1 alone full is at 89 %, with s2 too at 82 %; with s3 hot is.
    EXPECT_EQ(book.moves("sandpiper"), "");
    book.vms[4].cpu_cores = book.keep({5.5});
    ASSERT_EQ(book.moves("sandpiper"), "a>full");
    const Move& move = book.plan.moves[0];
    EXPECT_EQ(move.kind, MoveKind::swap);
    EXPECT_EQ(move.with, 2U);
    ASSERT_EQ(move.with_more.size(), 1U);
    EXPECT_EQ(move.with_more[0], 3U);
    EXPECT_DOUBLE_EQ(move.from_after.cpu, 0.78);
    EXPECT_DOUBLE_EQ(move.to_after.cpu, 0.80);
    EXPECT_EQ(move.memory_mib, 3000U);
    EXPECT_EQ(book.plan.moves.size(), 1U);
    EXPECT_TRUE(book.plan.unresolved.empty());
}

TEST(SandpiperPolicy, ASwapIsOrderedSoThatMemorySufficesAtEveryStep) {
    PoolBook book;
    swap_pool(book);
    book.vms[4].cpu_cores = book.keep({5.5});
    book.hosts[1].memory_mib = 3500;  // 3000 used: a fits when one of the others has left
    book.hosts[0].memory_mib = 10000;
    ASSERT_EQ(book.moves("sandpiper"), "a>full");
    const Legs way = legs(book.plan.moves[0]);
    ASSERT_EQ(way.size(), 3U);
    EXPECT_EQ(way[0].vm, 2U) << "s1 makes room";
    EXPECT_EQ(way[0].to, 0U);
    EXPECT_EQ(way[1].vm, 0U);
    EXPECT_EQ(way[2].vm, 3U);
    book.hosts[0].memory_mib = 9500;
    EXPECT_EQ(book.moves("sandpiper"), "") << "9000 used: nothing can be put aside";
}

TEST(SandpiperPolicy, ASwapLeavesNeitherHostAboveItsThresholds) {
    PoolBook book;
    book.host("hot");
    book.host("full");
    book.vm("a", 0, 1.6);
    book.vm("b", 0, 7.8).movable = false;
    book.vm("x", 1, 0.6);
    book.vm("y", 1, 6.0);
    EXPECT_EQ(book.moves("sandpiper"), "") << "16 % for 6 % leaves hot at 84 %";
    EXPECT_EQ(book.plan.vms[0].constraint, Constraint::no_relief) << "the last rule that stopped it";
    EXPECT_DOUBLE_EQ(book.plan.vms[0].have, 0.84);
    EXPECT_EQ(book.plan.unresolved.size(), 1U);
    EXPECT_EQ(book.plan.hosts[0].constraint, Constraint::no_swap);
}

TEST(SandpiperPolicy, GuestsOfOneGroupStayApart) {
    PoolBook book;
    book.host("hot");
    book.host("cool");
    book.host("cooler");
    book.vm("web1", 0, 5.0).anti_affinity = "web";
    book.vm("b", 0, 4.0, 1000);
    book.vm("c", 1, 1.0);
    book.vm("web2", 2, 0.5).anti_affinity = "web";
    EXPECT_EQ(book.moves("sandpiper"), "web1>cool");
    EXPECT_EQ(book.rejection("web1", "cooler").constraint, Constraint::anti_affinity);
}

TEST(SandpiperPolicy, RespectsCoolDownFlightsAndTheNumberOfMoves) {
    PoolBook book;
    book.host("hot");
    book.host("cool");
    for (const char* name : {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"}) {
        book.vm(name, 0, 1.0);
    }
    book.parameters.cool_down_seconds = 60;
    book.vms[0].last_moved_seconds_ago = 59;
    EXPECT_EQ(book.moves("sandpiper"), "b>cool c>cool");
    EXPECT_EQ(book.rejection("a").constraint, Constraint::cool_down);
    book.parameters.moves_max = 1;
    EXPECT_EQ(book.moves("sandpiper"), "b>cool");
    EXPECT_EQ(book.rejection("c").constraint, Constraint::moves_max);
    book.hosts[1].migrations_in = 1;
    EXPECT_EQ(book.moves("sandpiper"), "");
    EXPECT_EQ(book.rejection("b").constraint, Constraint::destination_in_flight);
    book.hosts[0].migrations_out = 1;
    EXPECT_EQ(book.moves("sandpiper"), "");
    EXPECT_EQ(book.plan.hosts[0].constraint, Constraint::source_in_flight);
}

TEST(SandpiperPolicy, WithoutAnotherHostOrWithoutGuestsNothingMoves) {
    PoolBook book;
    book.host("only");
    EXPECT_EQ(book.moves("sandpiper"), "") << "zero guests";
    EXPECT_TRUE(book.plan.conclusion.view().starts_with("nothing to do: no host is overloaded"));
    book.vm("a", 0, 9.0);
    EXPECT_EQ(book.moves("sandpiper"), "");
    EXPECT_EQ(book.plan.hosts[0].constraint, Constraint::no_destination);
    EXPECT_EQ(book.plan.unresolved.size(), 1U);
}

TEST(SandpiperPolicy, WhenAllHostsAreHotNothingMoves) {
    PoolBook book;
    for (HostIndex h = 0; h < 4; ++h) {
        book.host("h" + std::to_string(h));
        for (int i = 0; i < 6; ++i) {
            book.vm("v" + std::to_string(h) + std::to_string(i), h, 1.5);
        }
    }
    EXPECT_EQ(book.moves("sandpiper"), "");
    EXPECT_EQ(book.plan.unresolved.size(), 4U);
    EXPECT_GT(book.plan.vms_by_rule[static_cast<std::size_t>(Constraint::destination_cpu)] +
                  book.plan.vms_by_rule[static_cast<std::size_t>(Constraint::no_relief)],
              20U);
}

}  // namespace
}  // namespace ballast::policy::test
