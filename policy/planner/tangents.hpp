// Curves without knees, as those of a deviation are, side by side: what guests cost nodes, and what guests of
// two nodes are worth to be traded, for eight nodes or eight guests at once.
#pragma once

#include <array>

#include "policy/planner/board.hpp"
#include "policy/planner/lanes.hpp"

namespace ballast::policy::planner {

// What a guest's amounts change of a node's cost: amount * slope + amount^2 * bend on each axis.
struct Tangent {
    Point slope{};
    Point bend{};
};
Tangent tangent_of(const Curves& curves, const Node& node) noexcept;

// What trading guests of these amounts between two nodes saves: on each axis the difference of the slopes
// times what is traded, less what bends.
inline double trade(const Tangent& source, const Tangent& target, const Point& goes,
                    const Point& comes) noexcept {
    double saved = 0;
    for (std::size_t a = 0; a < axis_count; ++a) {
        const double amount = goes[a] - comes[a];
        saved += amount * (source.slope[a] - target.slope[a] - amount * (source.bend[a] + target.bend[a]));
    }
    return saved;
}
// Whatever comes back, at most this.
double most_of_trade(const Tangent& source, const Tangent& target, const Point& goes) noexcept;

// Of eight nodes.
struct TangentGroup {
    std::array<Lanes, axis_count> slope{};
    std::array<Lanes, axis_count> bend{};
    void set(std::size_t lane, const Tangent& tangent) noexcept;
};
// What coming costs each node.
void rises(const TangentGroup& nodes, const Point& amount, Lanes& out) noexcept;
// What trading with each node saves at most, whatever is traded: on each axis the change of the cost is a
// parabola of the amount.
void most_of_trades(const TangentGroup& nodes, const Tangent& with, Lanes& out) noexcept;

// Guests that are away from home, eight of them, as others think of trading places with them. Floats: this
// only tells whom it is worth looking at.
struct PartnerGroup {
    using Floats = std::array<float, lane_count>;
    std::array<Floats, axis_count> amount{};
    std::array<Floats, axis_count> slope{};  // of the nodes where they are
    std::array<Floats, axis_count> bend{};
    std::array<Rank, lane_count> guest{};
    std::array<Rank, lane_count> node{};
    std::array<Rank, lane_count> home{};
    std::uint32_t size = 0;
    void add(Rank g, const Guest& of, const Tangent& there) noexcept;
};
// What trading a guest of this amount, on a node with this tangent, for each of them saves.
void trades(const PartnerGroup& partners, const Point& amount, const Tangent& here,
            PartnerGroup::Floats& out) noexcept;

}  // namespace ballast::policy::planner
