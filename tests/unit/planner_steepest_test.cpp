// hbal's rule with bounds goes the way that it goes when every migration is worked out, and plans for hbal's
// score end where it does.
#include "policy/planner/steepest.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "base/prng.hpp"
#include "policy/means.hpp"
#include "policy/planner/planner.hpp"
#include "tests/unit/policy_pool.hpp"

namespace ballast::policy::test {
namespace {

using planner::AxisRow;
using planner::Board;
using planner::Movers;
using planner::Objective;
using planner::Point;
using planner::Rank;
using planner::Steepest;

constexpr std::size_t hosts_max = 64;
constexpr std::size_t guests_per_host = 6;
constexpr std::size_t guests_max = hosts_max * guests_per_host;

// Guests of all sizes, of which the first hosts have most.
void crowd(PoolBook& book, std::uint64_t seed, std::size_t hosts) {
    Prng random{seed};
    for (std::size_t h = 0; h < hosts; ++h) {
        Host& host = book.host("h" + std::to_string(100 + h), 32, 262144);
        host.net_mbps = 10000;
        host.disk_mbps = 1000;
    }
    for (std::size_t v = 0; v < hosts * guests_per_host; ++v) {
        const std::size_t at = std::min(random.below(hosts), random.below(hosts));
        Vm& vm = book.vm("vm" + std::to_string(1000 + v), static_cast<HostIndex>(at), 2 * random.unit(),
                         1024 + 1024 * random.below(12));
        vm.vcpus = static_cast<std::uint32_t>(1 + random.below(8));
        vm.net_mbps = book.keep({400 * random.unit() * random.unit()});
        vm.disk_mbps = book.keep({40 * random.unit() * random.unit()});
        vm.memory_used_mib = book.keep({1024 + 8192 * random.unit()});
    }
    book.parameters.objective = static_cast<std::uint32_t>(planner::ObjectiveKind::hbal);
    book.parameters.keep_spare_host = 0;
}

// All guests of a pool as movers.
struct Crowd {
    explicit Crowd(PoolBook& book) : pool{book.pool()}, objective{book.parameters} {
        measure(pool, 1, book.workspace);
        board.set_up(pool, book.parameters, 1, book.workspace, false);
        objective.follow(board);
        for (Rank g = 0; g < board.guests().size(); ++g) {
            AxisRow& row = amounts.emplace_back(AxisRow{});
            for (std::size_t a = 0; a < planner::axis_count; ++a) {
                row[a] = static_cast<float>(board.guest(g).amount[a]);
            }
            guests.push_back(g);
            homes.push_back(board.guest(g).home);
        }
        nodes = homes;
    }
    Movers movers() { return {amounts, guests, nodes, homes, guests.size()}; }
    double cost() { return objective.of(board); }

    static constexpr std::size_t arena_bytes = 1 << 20;
    std::unique_ptr<std::byte[]> bytes = std::make_unique<std::byte[]>(arena_bytes);
    Arena arena{{bytes.get(), arena_bytes}};
    Pool pool;
    Board board{arena, hosts_max, guests_max};
    Steepest steepest{arena, hosts_max, guests_max};
    Objective objective;
    std::vector<AxisRow> amounts;
    std::vector<Rank> guests;
    std::vector<Rank> nodes;
    std::vector<Rank> homes;
};

// The best of all single migrations, again and again. Returns how many.
std::size_t by_trying_all(Crowd& crowd) {
    for (std::size_t migrations = 0;; ++migrations) {
        double least = -1e-9;
        Rank guest = planner::nobody;
        Rank node = planner::nobody;
        crowd.objective.follow(crowd.board);
        for (Rank g = 0; g < crowd.board.guests().size(); ++g) {
            const Rank from = crowd.board.guest(g).node;
            for (Rank to = 0; to < crowd.board.nodes().size(); ++to) {
                if (to == from || crowd.board.obstacle(g, to)) {
                    continue;
                }
                const double change = crowd.objective.exact_change(
                    crowd.board.sums(), crowd.board.node(from), crowd.board.shift(g, from, -1),
                    crowd.board.node(to), crowd.board.shift(g, to, 1));
                if (change < least) {
                    least = change;
                    guest = g;
                    node = to;
                }
            }
        }
        if (guest == planner::nobody) {
            return migrations;
        }
        crowd.board.move(guest, node);
    }
}

TEST(PlannerSteepest, GoesAsFarAsWhoTriesAllMigrations) {
    for (const std::size_t hosts : {8U, 52U, 64U}) {
        for (std::uint64_t seed = 1; seed <= 3; ++seed) {
            SCOPED_TRACE(std::to_string(hosts) + " hosts, seed " + std::to_string(seed));
            PoolBook book;
            crowd(book, seed, hosts);
            Crowd tried{book};
            const std::size_t migrations = by_trying_all(tried);
            Crowd bounded{book};
            bounded.steepest.begin(bounded.board, bounded.objective, bounded.movers());
            EXPECT_TRUE(bounded.steepest.step(UINT64_MAX));
            EXPECT_NEAR(bounded.steepest.cost(), tried.cost(), 1e-6 * tried.cost());
            EXPECT_GT(migrations, hosts);
            if (hosts > 8) {
                EXPECT_LT(bounded.steepest.evaluations(), migrations * bounded.guests.size() * hosts / 2)
                    << "most migrations need not be worked out";
            }
        }
    }
}

TEST(PlannerSteepest, TheStepsDoNotMatterAndUndoneEverybodyIsAtHome) {
    PoolBook book;
    crowd(book, 4, 52);
    Crowd whole{book};
    const double before = whole.cost();
    whole.steepest.begin(whole.board, whole.objective, whole.movers());
    EXPECT_TRUE(whole.steepest.step(UINT64_MAX));
    Crowd in_steps{book};
    in_steps.steepest.begin(in_steps.board, in_steps.objective, in_steps.movers());
    while (!in_steps.steepest.step(97)) {
    }
    EXPECT_EQ(whole.nodes, in_steps.nodes);
    EXPECT_GT(whole.steepest.migrations(), 0U);
    whole.steepest.undo();
    EXPECT_EQ(whole.steepest.migrations(), 0U);
    EXPECT_EQ(whole.nodes, whole.homes);
    EXPECT_DOUBLE_EQ(whole.cost(), before);
}

TEST(PlannerSteepest, WhatIsAlmostEvenIsLeft) {
    PoolBook book;
    crowd(book, 5, 8);
    Crowd first{book};
    first.steepest.begin(first.board, first.objective, first.movers());
    EXPECT_TRUE(first.steepest.step(UINT64_MAX));
    for (const auto& guest : first.board.guests()) {
        book.vms[guest.vm].host = first.board.node(guest.node).host;
    }
    Crowd again{book};
    again.steepest.begin(again.board, again.objective, again.movers());
    EXPECT_TRUE(again.steepest.step(UINT64_MAX));
    EXPECT_EQ(again.steepest.migrations(), 0U);
}

// What all this is for.
TEST(PlannerSteepest, PlansForHbalsScoreEndWhereItsRuleDoesInFewerMigrations) {
    std::size_t by_rule = 0;
    std::size_t planned = 0;
    for (std::uint64_t seed = 11; seed <= 16; ++seed) {
        SCOPED_TRACE(seed);
        PoolBook book;
        crowd(book, seed, 12);
        Crowd rule{book};
        rule.steepest.begin(rule.board, rule.objective, rule.movers());
        EXPECT_TRUE(rule.steepest.step(UINT64_MAX));
        by_rule += rule.steepest.migrations();
        ASSERT_TRUE(book.run("ballast").ok());
        planned += book.plan.moves.size();
        for (const Move& move : book.plan.moves.items()) {
            for (const Leg& leg : legs(move)) {
                book.vms[leg.vm].host = leg.to;
            }
        }
        Crowd after{book};
        EXPECT_LE(after.cost(), rule.steepest.cost() + 1e-9);
        EXPECT_EQ(book.moves("ballast"), "") << "and nothing follows";
    }
    EXPECT_LT(static_cast<double>(planned), 0.9 * static_cast<double>(by_rule));
}

}  // namespace
}  // namespace ballast::policy::test
