// From places to moves: in which order the guests that have got a new place go there, so that memory suffices
// at every step with the moving guest counted on both sides, no other constraint is ever broken, and whoever
// stops in the middle has got the most for the moves made.
#pragma once

#include <cstdint>
#include <span>

#include "base/arena.hpp"
#include "policy/plan.hpp"
#include "policy/planner/board.hpp"
#include "policy/planner/objective.hpp"

namespace ballast::policy::planner {

// One entry of the plan: a migration, or a swap (`with` goes the other way).
struct Step {
    Rank guest = nobody;
    Rank from = nobody;
    Rank to = nobody;
    Rank with = nobody;
    bool with_first = false;  // of a swap: `with` leaves before `guest` arrives
    bool on_the_way = false;  // to a host with room, from where a later step goes on
    Point saved{};            // cost saved on each axis
    double price = 0;
};

class Sequence {
  public:
    Sequence() noexcept = default;
    Sequence(Arena& arena, std::size_t vms_max) noexcept;

    // Takes the board back to where the guests are and moves them to their places one by one. The board ends
    // where the steps lead. Guests that cannot get to their place stay at home and are given to `rejected`.
    // `steps_max` bounds the steps.
    void arrange(Board& board, Objective& objective, bool keep_spare_host, std::size_t steps_max,
                 Plan& rejected) noexcept;
    std::span<const Step> steps() const noexcept { return steps_.items(); }

  private:
    struct Pending {
        Rank guest = nobody;
        Rank to = nobody;
    };
    struct Candidate {
        Step step;
        double worth = 0;
        std::size_t first = 0;   // index of pending
        std::size_t second = 0;  // swap: of the other
    };

    void send_home() noexcept;
    bool consider(const Step& step, std::size_t first, std::size_t second, Candidate& best) noexcept;
    bool feasible(Step& step) const noexcept;
    double worth(const Step& step) const noexcept;
    bool worse_than_source(const Step& step) const noexcept;
    bool waits_for_partner(const Pending& pending) const noexcept;
    Candidate next() noexcept;
    void take(const Candidate& candidate) noexcept;
    bool make_way() noexcept;
    void apply(const Step& step) noexcept;
    void undo(const Step& step) noexcept;
    void give_up() noexcept;

    Board* board_ = nullptr;
    Objective* objective_ = nullptr;
    Plan* rejected_ = nullptr;
    bool keep_spare_host_ = false;
    std::span<Pending> pending_;
    std::size_t pending_count_ = 0;
    BoundedList<Step> steps_;
};

}  // namespace ballast::policy::planner
