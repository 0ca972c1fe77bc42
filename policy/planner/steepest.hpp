// How far hbal's rule goes: again and again the one migration that lowers the cost most, until none lowers it
// any more (ganeti's htools, hbal). Where it ends is what annealing is to reach in fewer migrations.
//
// Of all migrations only those are worked out that may be the best one. What a guest's best migration saves
// is known from when it was last worked out; since then the curves have become steeper by known ratios and
// two nodes a migration have changed, so that it saves no more than a bound.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "base/arena.hpp"
#include "policy/planner/board.hpp"
#include "policy/planner/objective.hpp"
#include "policy/planner/tangents.hpp"

namespace ballast::policy::planner {

// On each axis one float, and two that are something else's.
using AxisRow = std::array<float, 8>;

// Who may be moved: what each brings, who it is, where it is now, and where it is without a migration.
struct Movers {
    std::span<const AxisRow> amounts;
    std::span<const Rank> guests;
    std::span<Rank> nodes;
    std::span<const Rank> homes;
    std::size_t count = 0;
};

class Steepest {
  public:
    Steepest() noexcept = default;
    Steepest(Arena& arena, std::size_t hosts_max, std::size_t movers_max) noexcept;

    // REQUIRES: an objective that is not exact; all movers are at home.
    void begin(Board& board, Objective& objective, const Movers& movers) noexcept;
    // Goes on until no migration lowers the cost (true), or so many candidates have been evaluated.
    bool step(std::uint64_t evaluations) noexcept;
    std::uint64_t evaluations() const noexcept { return evaluations_; }
    // Everybody goes home.
    void undo() noexcept;

    // What it costs where the rule stands, and how many are away from home.
    double cost() const noexcept { return cost_; }
    std::size_t migrations() const noexcept;

  private:
    struct Best {
        std::size_t mover = SIZE_MAX;
        Rank to = nobody;
        double saved = 0;
    };

    using Floats = std::array<float, lane_count>;
    // Of eight nodes.
    struct Group {
        std::array<Floats, axis_count> slope{};
        std::array<Floats, axis_count> bend{};
    };

    static void rises(const Group& nodes, const AxisRow& amount, Floats& out) noexcept;
    void show_nodes() noexcept;
    void begin_round() noexcept;
    // Returns what leaving saves.
    float note_bounds(std::size_t i) noexcept;
    void evaluate(std::size_t i) noexcept;
    double saved(Rank g, Rank to) const noexcept;
    bool end_round() noexcept;
    void widen(Rank cooler, Rank fuller, const Point& before) noexcept;

    Board* board_ = nullptr;
    Objective* objective_ = nullptr;
    Movers movers_;
    std::span<float> hope_;      // by mover: no migration of it saves more
    std::span<float> reach_;     // by mover: what its best migration saves on the axes where it does
    std::span<float> bow_;       // by mover: what that is more than by tangents, at most
    std::span<AxisRow> slopes_;  // by node
    std::span<Group> groups_;    // the same side by side, and what bends
    AxisRow bows_{};             // on each axis: of the square of what tangents say, what is to add
    AxisRow gentlest_{};         // on each axis the slope of any node that takes guests
    Best best_;
    std::size_t cursor_ = 0;
    bool over_ = true;
    double cost_ = 0;
    std::uint64_t evaluations_ = 0;
};

}  // namespace ballast::policy::planner
