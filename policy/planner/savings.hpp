// What the best move of each guest that stays would save: for what is said of a plan, after its search.
#pragma once

#include "policy/planner/changes.hpp"
#include "policy/planner/move_sweep.hpp"
#include "policy/planner/slopes.hpp"

namespace ballast::policy::planner {

class Savings {
  public:
    // Nobody moves from here on. The sweeps' slopes are put in another order: they are over.
    void begin(Changes& changes, Slopes& slopes, MoveSweep& moves) noexcept;
    // Without price; 0 when there is no move that no rule forbids and that saves anything.
    double best(Rank g) noexcept;

  private:
    double best_against_load(Rank g) noexcept;

    Changes* changes_ = nullptr;
    const Slopes* slopes_ = nullptr;
    MoveSweep* moves_ = nullptr;
};

}  // namespace ballast::policy::planner
