// Changes of the board: what each is worth, whether a rule is against it, and making it. Guests are placed,
// not yet moved: whoever already has a new place may get another one for nothing, or go home and give its
// price back; `Sequence` makes moves of the result.
#pragma once

#include <cstdint>
#include <span>

#include "base/arena.hpp"
#include "policy/planner/board.hpp"
#include "policy/planner/calm.hpp"
#include "policy/planner/objective.hpp"

namespace ballast::policy::planner {

// By the curves, which lie above the deviation, a change may look too dear by this share of its price and
// still pay.
inline constexpr double doubt_share = 0.1;
// Of a price: what rounding may make of two ways to work out the same, many times over.
inline constexpr double rounding_share = 1e-9;
// Even what takes no migration more must save this share of a migration's price: trifles only take time.
inline constexpr double trifle = 0.02;

// A guest goes to another node, and `with`, if any, comes from there.
struct Change {
    Rank guest = nobody;
    Rank to = nobody;
    Rank with = nobody;
    double worth = 0;  // what it saves less what it costs; at most 0: no change
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
    double price_share = 1;                     // of a migration's price that counts
    Calm* calm = nullptr;                       // whose guests' migrations are dear
    // What no destination comes above by the window that the board was set up for before; null: anything.
    const Point* before_max = nullptr;
    std::uint64_t evaluations_max = UINT64_MAX;  // that the whole round has
};

class Changes {
  public:
    Changes() noexcept = default;
    Changes(Arena& arena, std::size_t vms_max) noexcept : settled_{arena.make_array<bool>(vms_max)} {}

    // Guests that are away from home already keep the place that they have.
    void begin(Board& board, Objective& objective, const DescentLimits& limits) noexcept;

    Board& board() const noexcept { return *board_; }
    Objective& objective() const noexcept { return *objective_; }
    const DescentLimits& limits() const noexcept { return limits_; }
    std::span<const bool> settled() const noexcept { return settled_; }

    // On every migration, beside its price.
    double toll() const noexcept { return toll_; }
    void set_toll(double toll) noexcept { toll_ = toll; }
    double price(const Guest& guest) const noexcept { return limits_.price_share * objective_->price(guest); }
    // Of any guest's migration, as of the last `find_least_price`.
    double least_price() const noexcept { return least_price_; }
    void find_least_price() noexcept;

    bool away(Rank g) const noexcept { return board_->guest(g).node != board_->guest(g).home; }
    bool gives(Rank n) const noexcept {
        return !limits_.overloaded_only || objective_->overloaded(board_->node(n));
    }
    // Guests with a session move when all others have.
    bool may_move(Rank g) const noexcept {
        const Guest& guest = board_->guest(g);
        return guest.free && !settled_[g] && (toll_ == 0 || !guest.session);
    }

    // What the migrations cost that the change makes necessary, less those that it saves.
    double price_of(const Change& change) const noexcept;
    // Exactly, without price.
    double saving(const Change& change) const noexcept;
    // By the curves, less its price.
    double worth_by_curves(const Change& change) const noexcept;
    double worth(const Change& change) noexcept;
    bool allowed(const Change& change) const noexcept;
    // False: the pool would not survive the loss of its largest host; nothing has changed.
    // REQUIRES: allowed.
    bool make(const Change& change) noexcept;

    // Guests away from home.
    std::uint32_t migrations() const noexcept { return migrations_; }
    // Whoever has moved guests otherwise than by `make` has them counted anew.
    void count_migrations() noexcept;
    std::uint64_t evaluations() const noexcept { return evaluations_; }
    void count_evaluations(std::uint64_t more) noexcept { evaluations_ += more; }

  private:
    double given_back_for_session(const Change& change) const noexcept;
    // Migrations more when the guest stands there, and by the change.
    int away_more(Rank g, Rank to) const noexcept;
    int migrations_more(const Change& change) const noexcept;
    bool overfills(const Change& change) const noexcept;
    bool worse_than_source(const Change& change) const noexcept;

    Board* board_ = nullptr;
    Objective* objective_ = nullptr;
    DescentLimits limits_;
    std::span<bool> settled_;  // by guest: had its place before the descent began
    double toll_ = 0;
    double least_price_ = unlimited;
    std::uint32_t migrations_ = 0;
    std::uint64_t evaluations_ = 0;
};

}  // namespace ballast::policy::planner
