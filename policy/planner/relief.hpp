// What cannot wait for balance: guests that must leave a draining host, and hosts that are overloaded. Each
// overloaded host is relieved with the fewest migrations that do it.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "base/arena.hpp"
#include "policy/plan.hpp"
#include "policy/planner/board.hpp"
#include "policy/planner/objective.hpp"

namespace ballast::policy::planner {

struct ReliefLimits {
    std::uint32_t migrations_max = UINT32_MAX;
    bool keep_spare_host = false;
    double margin = 0;         // sources go down to their thresholds less this, destinations up to it
    Point thresholds{};        // infinite: not looked at
    bool swap_is_one = false;  // a swap of two guests counts as one action
    double price_share = 1;    // of a migration's price that counts where no small set is enough
    // Of `drain` and `relieve` together: sets, and nodes that are looked at. Who has a place at once gets it
    // even when they are used up.
    std::uint64_t evaluations_max = UINT64_MAX;
};

class Relief {
  public:
    Relief() noexcept = default;
    Relief(Arena& arena, std::size_t hosts_max, std::size_t vms_max) noexcept;

    // Places the guests of draining hosts, largest first. Those without a place are rejected with the rule of
    // the host that came nearest.
    void drain(Board& board, Objective& objective, const ReliefLimits& limits, Plan& out) noexcept;
    // Places guests of hosts that `hot` marks (by node), the most overloaded first.
    void relieve(Board& board, Objective& objective, const ReliefLimits& limits, std::span<const bool> hot,
                 Plan& out) noexcept;
    std::uint32_t migrations() const noexcept { return migrations_; }
    // Whether the last `relieve` left no host that it was given above its thresholds.
    bool solved() const noexcept { return solved_; }
    // Since the last `drain`.
    std::uint64_t evaluations() const noexcept { return evaluations_; }
    // Whether it stopped at its limit of evaluations, with hosts left that it may have relieved.
    bool exhausted() const noexcept { return evaluations_ >= limits_.evaluations_max; }

  private:
    static constexpr std::size_t set_max = 3;  // guests of a set that is looked for exhaustively
    // Guests of a host among which sets are looked for: those that relieve most.
    static constexpr std::size_t candidates_max = 32;
    struct Set {
        std::array<Rank, set_max> guests{};
        std::size_t size = 0;
        double price = 0;
    };
    struct Home {
        Rank guest = nobody;
        Rank node = nobody;
    };

    // Relief by single actions (relief_action.cpp).
    struct Action {
        Rank guest = nobody;
        Rank to = nobody;
        Rank with = nobody;  // comes back in a swap
        double cost = 0;     // what it changes, prices included
    };
    struct Effect {
        Point here{};   // on the node that the guest leaves
        Point there{};  // and where it goes
    };
    // What the node must be after an action: cooler than before, below its thresholds, or that less the
    // margin.
    enum class Wanted : std::uint8_t { cooler, threshold, margin };

    bool relieve_by_actions(Rank n) noexcept;
    bool act(Rank n, bool sessions, Wanted wanted) noexcept;
    void consider(const Action& action, Wanted wanted, Action& best) noexcept;
    Effect effect(const Action& action) const noexcept;
    double cost_of(const Action& action, const Effect& by) const noexcept;
    bool permitted(const Action& action) const noexcept;
    bool carry_out(const Action& action) noexcept;

    bool relieve_node(Rank n) noexcept;
    std::size_t candidates(Rank n, bool sessions) noexcept;
    bool relieve_with_sets(Rank n, std::span<const Rank> leaving) noexcept;
    bool relieve_with(Rank n, std::span<const Rank> leaving, std::size_t size) noexcept;
    bool may_cool(Rank n, std::span<const Point> by, std::size_t size, double margin) const noexcept;
    void collect(Rank n, std::span<const Rank> guests, std::size_t size, double margin) noexcept;
    void keep(const Set& set) noexcept;
    bool place_set(const Set& set) noexcept;
    bool place(Rank g, bool must_stay_cool) noexcept;
    bool place_at(Rank g, Rank to) noexcept;
    bool pays(Rank g, Rank to) const noexcept;
    Rank best_place(Rank g, bool must_stay_cool) noexcept;
    bool make_room(Rank g) noexcept;
    bool go(Rank g, Rank to) noexcept;
    bool cool(Rank n, const Point& by, double margin) const noexcept;
    double heat(Rank n, const Point& by) const noexcept;
    void greedy(Rank n, std::span<const Rank> leaving) noexcept;
    void reject(Rank g, Plan& out) noexcept;

    Board* board_ = nullptr;
    Objective* objective_ = nullptr;
    ReliefLimits limits_;
    double place_margin_ = 0;  // destinations stay below their thresholds by so much
    std::uint32_t migrations_ = 0;
    std::uint64_t evaluations_ = 0;
    bool solved_ = true;
    std::span<Rank> order_;
    std::span<Rank> guests_;
    static constexpr std::size_t sets_max = 16;  // the cheapest sets, tried in order
    std::array<Set, sets_max> sets_{};
    std::size_t set_count_ = 0;
};

}  // namespace ballast::policy::planner
