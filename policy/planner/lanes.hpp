// Nodes side by side. The searches ask of every node of the pool what it would cost it if a guest came; in
// lanes the answers for eight nodes take little longer than the answer for one.
#pragma once

#include <array>
#include <cstddef>

#include "policy/planner/cost.hpp"

namespace ballast::policy::planner {

inline constexpr std::size_t lane_count = 8;
constexpr std::size_t groups_of(std::size_t count) noexcept {
    return (count + lane_count - 1) / lane_count;
}
using Lanes = std::array<double, lane_count>;  // one value for each node of a group

// Nodes of neighbouring ranks. A lane without a node takes nothing.
struct NodeGroup {
    std::array<Lanes, axis_count> at{};        // utilisations
    std::array<Lanes, axis_count> per_unit{};  // 1 / capacity
    std::array<bool, lane_count> takes{};      // may be a destination
};

// What it costs a node when something of these amounts comes to it.
class Coming {
  public:
    Coming(const Curves& curves, const Point& amount) noexcept : curves_{curves}, amount_{amount} {
        for (std::size_t a = 0; a < axis_count; ++a) {
            const bool bends = curves.steep[a] > 0;
            if (bends || curves.linear[a] != 0 || curves.quadratic[a] != 0) {
                axes_[count_++] = a;
            }
            bent_ = bent_ || bends;
        }
    }
    // Of the nodes of the group, whether they take anything or not. False: none is below `bound`, and they
    // are not told. REQUIRES: amounts and curves that make what comes to a fuller node cost no less.
    bool costs(const NodeGroup& group, double bound, Lanes& out) const noexcept;

  private:
    void add_steep(const NodeGroup& group, Lanes& out) const noexcept;

    const Curves& curves_;
    Point amount_;
    std::array<std::size_t, axis_count> axes_{};  // that cost anything
    std::size_t count_ = 0;
    bool bent_ = false;
};

}  // namespace ballast::policy::planner
