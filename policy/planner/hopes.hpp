// What a guest may hope for from moves, before anybody looks for them; and who need not be looked at.
#pragma once

#include <span>

#include "base/arena.hpp"
#include "policy/planner/changes.hpp"
#include "policy/planner/slopes.hpp"

namespace ballast::policy::planner {

class Hopes {
  public:
    Hopes() noexcept = default;
    Hopes(Arena& arena, std::size_t vms_max) noexcept : none_{arena.make_array<bool>(vms_max)} {}

    // `best`: by guest, what was found for it; of who hopes for nothing that is dropped.
    void begin(const Changes& changes, const Slopes& slopes, std::span<Change> best) noexcept;

    // No move of the guest to nodes with these floors is worth more. `leave`: what its leaving changes.
    double of(Rank g, double leave, const Point& floors) const noexcept;
    // The same for less work: no less than that.
    double at_most(Rank g, const Point& floors) const noexcept;

    // Whether no move of the guest pays, whatever the toll, and no swap is looked for. Against load that is
    // so until its node gets fuller or some other emptier than all were.
    bool none(Rank g) const noexcept { return none_[g]; }
    // Who that is, as things are now.
    void find_none() noexcept;
    // After a sweep: only guests of nodes that changed may hope anew, or all when some node is emptier than
    // ever.
    void follow() noexcept;

  private:
    double most_saved(Rank g, const Point& floors) const noexcept;
    double less_prices(Rank g, double saved) const noexcept;
    bool has_none(Rank g) const noexcept;
    void look_at(Rank g) noexcept;

    const Changes* changes_ = nullptr;
    const Slopes* slopes_ = nullptr;
    std::span<Change> best_;
    std::span<bool> none_;  // by guest
    Point floors_{};        // at which nobody has any; nobody was asked: below all
};

}  // namespace ballast::policy::planner
