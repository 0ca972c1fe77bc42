#include "policy/planner/lanes.hpp"

#include <gtest/gtest.h>
#include <limits>
#include <random>

#include "policy/planner/tangents.hpp"

namespace ballast::policy::planner {
namespace {

// The nodes of a group one by one, from no load to one and a half of the capacity.
struct Nodes {
    NodeGroup group;
    std::array<Point, lane_count> at{};
    std::array<Point, lane_count> per_unit{};
};

Nodes nodes(std::uint32_t seed) {
    std::mt19937 random{seed};
    std::uniform_real_distribution<double> share{0, 1.5};
    Nodes out;
    for (std::size_t n = 0; n < lane_count; ++n) {
        for (std::size_t a = 0; a < axis_count; ++a) {
            out.group.at[a][n] = out.at[n][a] = share(random);
            out.group.per_unit[a][n] = out.per_unit[n][a] = a == 3 && n == 2 ? 0 : 0.1 * share(random);
        }
    }
    return out;
}

Curves with_knees() {
    Curves curves;
    curves.quadratic = {1, 1, 0.5, 1, 0, 0};
    curves.steep = {10, 10, 5, 10, 0, 0};
    curves.knee.fill(0.7);
    return curves;
}

Curves of_deviation() {
    Sums sums;
    sums.hosts = 20;
    sums.first = {9, 8, 7, 6, 5, 4};
    sums.second = {6, 5, 4, 3, 2, 1};
    return deviation_curves({1, 1, 1, 1, 1, 0}, sums);
}

void expect_each_as_alone(const Curves& curves) {
    const Point amount{2, 1, 0, 3, 0.5, 4};
    for (std::uint32_t seed = 1; seed <= 50; ++seed) {
        const Nodes found = nodes(seed);
        Lanes costs{};
        ASSERT_TRUE(
            Coming(curves, amount).costs(found.group, std::numeric_limits<double>::infinity(), costs));
        for (std::size_t n = 0; n < lane_count; ++n) {
            Point by{};
            for (std::size_t a = 0; a < axis_count; ++a) {
                by[a] = amount[a] * found.per_unit[n][a];
            }
            EXPECT_NEAR(costs[n], change(curves, found.at[n], by), 1e-12)
                << "node " << n << ", seed " << seed;
        }
    }
}

TEST(PlannerLanes, ComingCostsEachNodeOfAGroupWhatItCostsItAlone) {
    expect_each_as_alone(with_knees());
    expect_each_as_alone(of_deviation());
}

// A change that tangents rule out need not be looked at: with knees too.
TEST(PlannerLanes, ATradeSavesNoMoreThanItsTangentsSay) {
    std::mt19937 random{7};
    std::uniform_real_distribution<double> amounts{0, 4};
    const Curves curves = with_knees();
    for (std::uint32_t seed = 1; seed <= 200; ++seed) {
        const Nodes found = nodes(seed);
        std::array<Node, 2> ends{};
        Point goes{};
        Point comes{};
        Point at_source{};
        Point at_target{};
        for (std::size_t a = 0; a < axis_count; ++a) {
            goes[a] = amounts(random);
            comes[a] = amounts(random);
            for (std::size_t n = 0; n < ends.size(); ++n) {
                ends[n].at[a] = found.at[n + 1][a];  // one of them without a capacity on an axis
                ends[n].per_unit[a] = found.per_unit[n + 1][a];
                ends[n].counts = true;
            }
            at_source[a] = (comes[a] - goes[a]) * ends[0].per_unit[a];
            at_target[a] = (goes[a] - comes[a]) * ends[1].per_unit[a];
        }
        const double saves = -change(curves, ends[0].at, at_source) - change(curves, ends[1].at, at_target);
        const Tangent source = tangent_of(curves, ends[0]);
        const Tangent target = tangent_of(curves, ends[1]);
        const double hoped = trade(source, target, goes, comes);
        EXPECT_LE(saves, hoped + 1e-12) << "seed " << seed;
        EXPECT_LE(hoped, most_of_trade(source, target, goes) + 1e-12) << "seed " << seed;
        TangentGroup both;
        both.set(0, source);
        both.set(1, target);
        Lanes most{};
        most_of_trades(both, source, most);
        EXPECT_LE(hoped, most[1] + 1e-12) << "seed " << seed;
        most_of_trades(both, target, most);
        EXPECT_LE(trade(target, source, comes, goes), most[0] + 1e-12) << "seed " << seed;
    }
}

TEST(PlannerLanes, AGroupIsNotToldOnlyWhereNoNodeIsBelowTheBound) {
    const Point amount{2, 1, 0, 3, 0.5, 4};
    std::size_t left_out = 0;
    for (std::uint32_t seed = 1; seed <= 50; ++seed) {
        const Nodes found = nodes(seed);
        const Curves curves = with_knees();
        const Coming coming{curves, amount};
        Lanes all{};
        ASSERT_TRUE(coming.costs(found.group, std::numeric_limits<double>::infinity(), all));
        for (const double bound : {0.05, 0.2, 0.5}) {
            Lanes costs{};
            if (coming.costs(found.group, bound, costs)) {
                EXPECT_EQ(costs, all);
                continue;
            }
            ++left_out;
            for (const double cost : all) {
                EXPECT_GE(cost, bound);
            }
        }
    }
    EXPECT_GT(left_out, 0U);
}

}  // namespace
}  // namespace ballast::policy::planner
