// What coming to each node costs by tangents, for eight nodes at once, and what it costs at least: of all
// nodes, and of those that changed at the end of the last sweep.
#pragma once

#include <span>

#include "base/arena.hpp"
#include "policy/bounded_list.hpp"
#include "policy/planner/board.hpp"
#include "policy/planner/objective.hpp"
#include "policy/planner/tangents.hpp"

namespace ballast::policy::planner {

class Slopes {
  public:
    Slopes() noexcept = default;
    Slopes(Arena& arena, std::size_t hosts_max) noexcept;

    // Nothing has changed yet.
    void begin(const Board& board, const Objective& objective) noexcept;
    // Nodes that change from here on are the changed ones; the slopes stay as they are.
    void forget_changed() noexcept;
    void mark_changed(Rank n) noexcept;
    bool changed(Rank n) const noexcept { return marked_[n]; }
    // The board and the curves as they are now: they stand for them until the next call.
    void follow() noexcept;

    const Tangent& at(Rank n) const noexcept { return tangents_[n]; }
    // Of eight nodes.
    const TangentGroup& group(std::size_t i) const noexcept { return groups_[i]; }
    // The nodes that changed, and eight of them in this order.
    std::span<const Rank> changed() const noexcept { return changed_.items(); }
    const TangentGroup& changed_group(std::size_t i) const noexcept { return changed_groups_[i]; }

    // On each axis the gentlest slope of any node that takes guests: coming costs at least that.
    const Point& floors() const noexcept { return floors_; }
    const Point& changed_floors() const noexcept { return changed_floors_; }

    // After the last sweep: all nodes that take guests count as changed, those where a typical guest costs
    // least first.
    void order_all() noexcept;
    // Then: no node of this group of eight and of those behind it is gentler.
    const Point& floors_from(std::size_t i) const noexcept { return floors_from_[i]; }

  private:
    void find_tangents() noexcept;
    void lower(Point& floors, const Node& node) const noexcept;

    const Board* board_ = nullptr;
    const Objective* objective_ = nullptr;
    std::span<bool> marked_;  // by node: changed
    BoundedList<Rank> changed_;
    std::span<Tangent> tangents_;     // by node
    std::span<TangentGroup> groups_;  // the same side by side
    std::span<TangentGroup> changed_groups_;
    std::span<Point> floors_from_;  // by group of changed nodes
    Point floors_{};
    Point changed_floors_{};
};

}  // namespace ballast::policy::planner
