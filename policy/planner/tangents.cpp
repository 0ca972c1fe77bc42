#include "policy/planner/tangents.hpp"

#include <algorithm>

namespace ballast::policy::planner {

Tangent tangent_of(const Curves& curves, const Node& node) noexcept {
    Tangent out;
    for (std::size_t a = 0; a < axis_count && node.counts; ++a) {
        const double unit = node.per_unit[a];
        out.slope[a] = unit * slope_on(curves, a, node.at[a]);
        out.bend[a] = unit * unit * curves.quadratic[a];
    }
    return out;
}

// On each axis a parabola of the amount, which is no more than what goes.
double most_of_trade(const Tangent& source, const Tangent& target, const Point& goes) noexcept {
    double sum = 0;
    for (std::size_t a = 0; a < axis_count; ++a) {
        const double steeper = source.slope[a] - target.slope[a];
        const double bend = source.bend[a] + target.bend[a];
        if (!(bend > 0)) {
            continue;  // an axis that costs nothing
        }
        const double best = std::min(steeper / (2 * bend), goes[a]);
        sum += best * (steeper - best * bend);
    }
    return sum;
}

void TangentGroup::set(std::size_t lane, const Tangent& tangent) noexcept {
    for (std::size_t a = 0; a < axis_count; ++a) {
        slope[a][lane] = tangent.slope[a];
        bend[a][lane] = tangent.bend[a];
    }
}

void rises(const TangentGroup& nodes, const Point& amount, Lanes& out) noexcept {
    Lanes sum{};
    for (std::size_t a = 0; a < axis_count; ++a) {
        const double each = amount[a];
        for (std::size_t n = 0; n < lane_count; ++n) {
            sum[n] += each * (nodes.slope[a][n] + each * nodes.bend[a][n]);
        }
    }
    out = sum;
}

void most_of_trades(const TangentGroup& nodes, const Tangent& with, Lanes& out) noexcept {
    Lanes sum{};
    for (std::size_t a = 0; a < axis_count; ++a) {
        const double slope = with.slope[a];
        const double bend = with.bend[a];
        for (std::size_t n = 0; n < lane_count; ++n) {
            const double steeper = slope - nodes.slope[a][n];
            const double both = bend + nodes.bend[a][n];
            // An axis that costs neither node anything has no slopes either.
            sum[n] += steeper * steeper / (4 * (both > 0 ? both : 1));
        }
    }
    out = sum;
}

void PartnerGroup::add(Rank g, const Guest& of, const Tangent& there) noexcept {
    for (std::size_t a = 0; a < axis_count; ++a) {
        amount[a][size] = static_cast<float>(of.amount[a]);
        slope[a][size] = static_cast<float>(there.slope[a]);
        bend[a][size] = static_cast<float>(there.bend[a]);
    }
    guest[size] = g;
    node[size] = of.node;
    home[size] = of.home;
    ++size;
}

void trades(const PartnerGroup& partners, const Point& amount, const Tangent& here,
            PartnerGroup::Floats& out) noexcept {
    PartnerGroup::Floats sum{};
    for (std::size_t a = 0; a < axis_count; ++a) {
        const auto own = static_cast<float>(amount[a]);
        const auto slope = static_cast<float>(here.slope[a]);
        const auto bend = static_cast<float>(here.bend[a]);
        for (std::size_t p = 0; p < lane_count; ++p) {
            const float goes = own - partners.amount[a][p];
            sum[p] += goes * (slope - partners.slope[a][p] - goes * (bend + partners.bend[a][p]));
        }
    }
    out = sum;
}

}  // namespace ballast::policy::planner
