// A long, cheap search for few migrations before the descent's short, thorough one: simulated annealing
// (Kirkpatrick, Gelatt, Vecchi, Science 220, 1983) of where guests are placed. A change taken by chance makes
// the cost and the migrations' prices lower, or higher by no more than the temperature lets pass; this falls
// from where migrations come and go freely to where only gains are left. A descent, even one by tolls, keeps
// a guest that is nearly the right one; here it is replaced, again and again, by others in its stead.
//
// For curves without knees (deviations) alone: there a change is a few products of numbers that lie together.
// Chance is a fixed sequence: the same board gives the same places.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <tuple>

#include "base/arena.hpp"
#include "base/prng.hpp"
#include "policy/planner/board.hpp"
#include "policy/planner/objective.hpp"
#include "policy/planner/steepest.hpp"

namespace ballast::policy::planner {

class Annealing {
  public:
    Annealing() noexcept = default;
    Annealing(Arena& arena, std::size_t hosts_max, std::size_t vms_max) noexcept;

    // Of the guests at home whose place is not settled; sessions, anti-affinity groups
    // and who came from somewhere lately stay out of it.
    // REQUIRES: an objective that is not exact. `least_price`: of any migration, which temperatures go by;
    // `share`: of every migration's price that counts; `evaluations_max`: after so many it has cooled down.
    // False: nobody takes part, more guests than there is room for, or too few evaluations to cool down in.
    bool begin(Board& board, Objective& objective, std::span<const bool> settled, double least_price,
               double share, std::uint64_t evaluations_max) noexcept;
    // Looks at so many changes, or as many as are left until it has cooled down (true). The board follows
    // from rung to rung of the temperatures.
    bool step(std::uint64_t evaluations) noexcept;
    // Those who take part, before the first step: who moves them has to send them home again.
    Movers movers() noexcept { return {guests_, rank_, node_, home_, count_}; }
    static constexpr std::size_t movers_max(std::size_t vms_max) noexcept {
        return std::min(vms_max, guests_max);
    }
    std::uint64_t evaluations() const noexcept { return evaluations_; }
    // It cools down in fewer looks than it would have taken.
    bool shortened() const noexcept { return shortened_; }
    // The board as it is now, also between two rungs.
    void follow() noexcept;
    // Whether the places found are worth their migrations, beside all guests at home.
    bool pays() const noexcept;
    // Everybody goes home.
    void undo() noexcept;

  private:
    // Where more guests take part, so many looks would take a minute.
    static constexpr std::size_t guests_max = 20'000;
    // Of a guest: what it brings on each axis, its memory, the price of its migration. Of a node: on each
    // axis twice the square root of what its level costs, room for memory, and its site. Memory is counted in
    // MiB, of which a float holds every whole number up to 16 TiB a host; beyond that the last MiB are
    // rounded.
    static constexpr std::size_t row_size = std::tuple_size_v<AxisRow>;
    static constexpr std::size_t memory = axis_count;
    static constexpr std::size_t price = axis_count + 1;
    static constexpr std::size_t site = axis_count + 1;
    using Index = std::uint32_t;  // of a guest that takes part, by home
    enum class Kind : std::uint8_t { anybody_moves, away_moves, goes_home, away_trade, stead };

    bool take_part(std::span<const bool> settled, double share) noexcept;
    void show_nodes() noexcept;
    void propose() noexcept;
    void relocate(Index i, Rank to) noexcept;
    void exchange(Index i, Index k) noexcept;
    float change(const AxisRow& goes, Rank from, Rank to) const noexcept;
    float paid(Index i, Rank to) const noexcept;
    // Nothing arrives at home: who is there has not left.
    bool may_enter(Index i, Rank to) const noexcept { return takes_[to] || to == home_[i]; }
    bool overfills(const AxisRow& comes, float sign, Rank to) const noexcept;
    void put(Index i, Rank to) noexcept;

    Board* board_ = nullptr;
    Objective* objective_ = nullptr;
    Prng random_{0};
    std::span<AxisRow> guests_;
    std::span<Rank> rank_;            // by index: the guest
    std::span<Rank> node_;            // where it is now
    std::span<Rank> home_;            // where it is without a migration
    std::span<Index> place_in_away_;  // where it stands in away_, if it is there
    std::span<Index> away_;           // who is away from home
    std::span<Index> first_at_home_;  // by node: of those whose home it is
    std::span<bool> takes_;           // by node: may be a destination
    std::span<AxisRow> levels_;       // by node
    std::span<AxisRow> per_unit_;     // by node: of a guest's amounts
    AxisRow calm_{};                  // no node is filled above this
    std::size_t count_ = 0;
    std::size_t away_count_ = 0;
    float temperature_ = 0;
    float tolerance_ = 0;  // what this change may cost
    std::uint64_t evaluations_ = 0;
    std::uint64_t per_rung_ = 0;
    bool shortened_ = false;
    std::uint32_t rung_ = 0;
    double cost_at_home_ = 0;
};

}  // namespace ballast::policy::planner
