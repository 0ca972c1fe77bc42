// Balance on the board: the search for places of guests.
//
// Every migration pays a toll on top of its price. The toll begins so high that hardly anything is worth it,
// and falls to nothing: at each height guests move, change places and go home until nothing is worth more
// than it costs. What only paid while the pool was worse goes home again, which steepest descent never sees;
// hbal's final scores take a fifth fewer migrations this way (docs/planner.md, "How good it is"). Where
// deviations are lowered, annealing takes the place of the tolls.
#pragma once

#include <cstdint>
#include <span>

#include "base/arena.hpp"
#include "policy/planner/aim.hpp"
#include "policy/planner/annealing.hpp"
#include "policy/planner/board.hpp"
#include "policy/planner/changes.hpp"
#include "policy/planner/hopes.hpp"
#include "policy/planner/move_sweep.hpp"
#include "policy/planner/objective.hpp"
#include "policy/planner/savings.hpp"
#include "policy/planner/slopes.hpp"
#include "policy/planner/steepest.hpp"
#include "policy/planner/swap_sweep.hpp"

namespace ballast::policy::planner {

class Descent {
  public:
    Descent() noexcept = default;
    Descent(Arena& arena, std::size_t hosts_max, std::size_t vms_max) noexcept;

    // Guests that are away from home already keep the place that they have.
    void begin(Board& board, Objective& objective, const DescentLimits& limits) noexcept;
    // Goes on until nothing improves (true) or so many candidates have been evaluated (false). Where it stops
    // depends on the budgets; which changes are made, and in which order, does not.
    bool step(std::uint64_t evaluations) noexcept;
    // Nobody goes on: what chance has moved just now stays only where that pays in the whole.
    void stop() noexcept;
    // The search is shorter than it would be without `evaluations_max`.
    bool shortened() const noexcept { return shortened_; }
    std::uint64_t evaluations() const noexcept { return changes_.evaluations(); }
    // What the best moves of guests would save, while nobody moves any more.
    Savings& savings() noexcept {
        savings_.begin(changes_, slopes_, moves_);
        return savings_;
    }

  private:
    enum class Stage : std::uint8_t { moves, swaps, rule, annealing, over };
    static constexpr double no_toll_yet = unlimited;

    void scan_next() noexcept;
    void end_sweep() noexcept;
    void prepare_search() noexcept;
    void begin_moves() noexcept;
    void begin_swaps() noexcept;
    std::size_t make_changes() noexcept;
    void lower_toll() noexcept;

    void step_rule(std::uint64_t evaluations) noexcept;
    void step_annealing(std::uint64_t evaluations) noexcept;
    bool begin_annealing() noexcept;
    bool anneal() noexcept;
    void end_rule(bool complete) noexcept;
    void end_annealing() noexcept;
    void price_without_rule() noexcept;
    std::uint64_t evaluations_left() const noexcept;

    Board* board_ = nullptr;
    Objective* objective_ = nullptr;
    DescentLimits limits_;
    Changes changes_;
    Slopes slopes_;
    std::span<Change> best_;  // by guest, as the last sweep found it
    std::span<Rank> order_;   // guests whose best change is worth making
    Hopes hopes_;
    MoveSweep moves_;
    SwapSweep swaps_;
    Annealing annealing_;
    Steepest rule_;
    Aim aim_;
    Savings savings_;
    std::uint64_t rule_evaluations_max_ = 0;
    Stage stage_ = Stage::over;
    Rank cursor_ = 0;
    double first_toll_ = no_toll_yet;
    std::uint32_t last_looks_ = 0;
    bool shortened_ = false;
};

}  // namespace ballast::policy::planner
