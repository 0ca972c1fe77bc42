// Steepest descent on the board: again and again the migration, or the swap of two guests, that lowers the
// cost most for each migration that it takes. Guests are placed, not yet moved: a guest that already has a
// new place may get another one for nothing, or go home and give its price back. `Sequence` makes moves of
// the result.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "base/arena.hpp"
#include "policy/planner/board.hpp"
#include "policy/planner/objective.hpp"

namespace ballast::policy::planner {

// A change of the board: a guest goes to another node, and `with`, if any, comes from there.
struct Change {
    Rank guest = nobody;
    Rank to = nobody;
    Rank with = nobody;
    double worth = 0;  // what it saves less what it costs, for each migration; at most 0: no change
};

// Ties go by name: of the guest, the destination, the other guest.
constexpr bool better(const Change& a, const Change& b) noexcept {
    if (a.worth != b.worth) {
        return a.worth > b.worth;
    }
    return a.guest != b.guest ? a.guest < b.guest : a.to != b.to ? a.to < b.to : a.with < b.with;
}

struct DescentLimits {
    std::uint32_t migrations_max = UINT32_MAX;  // guests away from home
    bool keep_spare_host = false;               // N+1 holds and must go on to hold
    bool overloaded_only = false;               // only guests of overloaded nodes leave
};

// The nodes that are cheapest to come to, cheapest first.
class Nearest {
  public:
    static constexpr std::size_t nodes_max = 6;

    bool would_take(double cost) const noexcept { return size_ < nodes_max || cost < items_[size_ - 1].cost; }
    void offer(Rank node, double cost) noexcept {
        if (!would_take(cost)) {
            return;
        }
        std::size_t at = size_ < nodes_max ? size_++ : size_ - 1;
        for (; at > 0 && cost < items_[at - 1].cost; --at) {
            items_[at] = items_[at - 1];
        }
        items_[at] = {node, cost};
    }
    std::size_t size() const noexcept { return size_; }
    Rank operator[](std::size_t i) const noexcept { return items_[i].node; }
    double cost(std::size_t i) const noexcept { return items_[i].cost; }

  private:
    struct Item {
        Rank node = nobody;
        double cost = 0;
    };
    std::array<Item, nodes_max> items_{};
    std::size_t size_ = 0;
};

class Descent {
  public:
    Descent() noexcept = default;
    Descent(Arena& arena, std::size_t hosts_max) noexcept;

    void begin(Board& board, Objective& objective, const DescentLimits& limits) noexcept;
    // Goes on until nothing improves (true) or so many candidates have been evaluated (false). Where it stops
    // depends on the budgets; which changes are made, and in which order, does not.
    bool step(std::uint64_t evaluations) noexcept;
    std::uint64_t evaluations() const noexcept { return evaluations_; }
    std::uint32_t migrations() const noexcept { return migrations_; }
    // The best that was left when it ended: how far the pool is from another move.
    const Change& nearest() const noexcept { return nearest_; }

  private:
    struct Row {
        Change best;          // among the guests of this node
        bool fresh = false;   // looked at since the node last changed
        bool unsure = false;  // the destination has changed since
    };

    void scan(Rank n) noexcept;
    void scan_places(Rank g, Nearest& open, Nearest& nearest) noexcept;
    void scan_guest(Rank g, Change& best) noexcept;
    void scan_swaps(Rank g, Rank other, Change& best) noexcept;
    void offer(Rank n, Rank one, Rank other) noexcept;
    double worth(const Change& change) noexcept;
    double worth_of_move(Rank g, Rank to, double leave) const noexcept;
    // Swaps take two migrations: against load only an overloaded node is worth them.
    bool swaps_pay(Rank n) const noexcept {
        return !objective_->exact() || objective_->overloaded(board_->node(n));
    }
    bool gives(Rank n) const noexcept {
        return !limits_.overloaded_only || objective_->overloaded(board_->node(n));
    }
    // Before the second look a guest moves once.
    bool may_move(Rank g) const noexcept {
        const Guest& guest = board_->guest(g);
        return guest.free && (second_look_ || guest.node == guest.home);
    }
    int migrations_change(const Change& change) const noexcept;
    bool allowed(const Change& change) const noexcept;
    bool worse_than_source(const Change& change) const noexcept;
    void reassess() noexcept;
    void refresh_some() noexcept;
    Rank choose() noexcept;
    bool apply(const Change& change) noexcept;
    void update(Rank from, Rank to) noexcept;

    Board* board_ = nullptr;
    Objective* objective_ = nullptr;
    DescentLimits limits_;
    std::span<Row> rows_;
    std::uint64_t evaluations_ = 0;
    std::uint32_t migrations_ = 0;
    bool second_look_ = false;
    bool changed_ = false;
    Rank next_refreshed_ = 0;
    Change nearest_;
};

}  // namespace ballast::policy::planner
