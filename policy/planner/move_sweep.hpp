// The sweeps of the descent that move single guests.
#pragma once

#include <limits>

#include "policy/planner/changes.hpp"
#include "policy/planner/hopes.hpp"
#include "policy/planner/nearest.hpp"
#include "policy/planner/slopes.hpp"

namespace ballast::policy::planner {

class MoveSweep {
  public:
    void begin(Changes& changes, const Slopes& slopes, const Hopes& hopes) noexcept;
    // The next sweep looks at all places, or only at those that changed.
    void look_at_all(bool all = true) noexcept { whole_ = all; }
    bool whole() const noexcept { return whole_; }

    // Finds the guest's best move, given what the last sweep found; one that is worth nothing need not be the
    // best.
    void scan(Rank g, Change& best) noexcept;
    // Of all moves, to nodes below `cost_max` by the curves. Returns what the best one is worth, though it be
    // less than `best`.
    double scan_places(Rank g, double cost_max, Change& best) noexcept;

    // The best that a migration without toll was worth in whole sweeps.
    double most() const noexcept { return most_; }
    void set_most(double most) noexcept { most_ = most; }

  private:
    Nearest nearest_places(Rank g, double cost_max) const noexcept;
    double most_cost(Rank g, double leave) const noexcept;
    void scan_changed(Rank g, double leave, Change& best) noexcept;

    Changes* changes_ = nullptr;
    const Board* board_ = nullptr;
    const Objective* objective_ = nullptr;
    const Slopes* slopes_ = nullptr;
    const Hopes* hopes_ = nullptr;
    bool whole_ = true;
    double most_ = 0;
};

}  // namespace ballast::policy::planner
