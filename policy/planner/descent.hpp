// Balance on the board. Guests are placed, not yet moved: whoever already has a new place may get another one
// for nothing, or go home and give its price back; `Sequence` makes moves of the result.
//
// Every migration pays a toll on top of its price. The toll begins so high that hardly anything is worth it,
// and falls to nothing: at each height guests move, change places and go home until nothing is worth more
// than it costs. What only paid while the pool was worse goes home again, which steepest descent never sees;
// hbal's final scores take a fifth fewer migrations this way (docs/planner.md, "How good it is").
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "base/arena.hpp"
#include "policy/bounded_list.hpp"
#include "policy/planner/annealing.hpp"
#include "policy/planner/board.hpp"
#include "policy/planner/calm.hpp"
#include "policy/planner/nearest.hpp"
#include "policy/planner/objective.hpp"
#include "policy/planner/steepest.hpp"
#include "policy/planner/tangents.hpp"

namespace ballast::policy::planner {

// By the curves, which lie above the deviation, a change may look too dear by this share of its price and
// still pay.
inline constexpr double doubt_share = 0.1;
// Of a price: what rounding may make of two ways to work out the same, many times over.
inline constexpr double rounding_share = 1e-9;

// A change of the board: a guest goes to another node, and `with`, if any, comes from there.
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

// Even what takes no migration more must save this share of a migration's price: trifles only take time.
inline constexpr double trifle = 0.02;

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
    std::uint64_t evaluations() const noexcept { return evaluations_; }
    std::uint32_t migrations() const noexcept { return migrations_; }
    // After the search, before `best_saving`: of all guests, while nobody moves.
    void order_places() noexcept;
    // What the guest's best move would save; 0 when there is none that no rule forbids.
    double best_saving(Rank g) noexcept;

  private:
    enum class Stage : std::uint8_t { moves, swaps, rule, annealing, over };

    void scan_next() noexcept;
    void scan_moves(Rank g) noexcept;
    double scan_places(Rank g, double cost_max, Change& best) noexcept;
    Nearest nearest_places(Rank g, double cost_max) const noexcept;
    double most_cost(Rank g, double leave) const noexcept;
    void scan_touched(Rank g, double leave, Change& best) noexcept;
    void scan_swaps(Rank g) noexcept;
    void scan_partners(Rank g, Change& best) noexcept;
    void scan_partners_of_overloaded(Rank g, Change& best) noexcept;
    void scan_partners_on(Rank n, Rank g, Change& best) noexcept;
    void consider_all_on(Rank n, Rank g, Change& best) noexcept;
    double price_of(const Guest& guest) const noexcept {
        return limits_.price_share * objective_->price(guest);
    }
    double traded(Rank from, Rank to, const Point& goes, const Point& comes) const noexcept;
    void find_tangents() noexcept;
    void show_partners() noexcept;
    void scan_away(Rank g, std::size_t count, Change& best) noexcept;
    void scan_nodes_for_partners(Rank g, bool all, Change& best) noexcept;
    void consider_swap(Rank g, Rank other, Change& best) noexcept;
    void begin_swaps() noexcept;
    void end_sweep() noexcept;
    void prepare_search() noexcept;
    void find_least_price() noexcept;
    std::size_t make_changes() noexcept;
    void lower_toll() noexcept;
    bool begin_annealing() noexcept;
    bool anneal() noexcept;
    std::uint64_t left() const noexcept;
    void end_rule(bool complete) noexcept;
    void set_price_share(double share) noexcept;
    void price_without_rule() noexcept;
    bool goes_on_cheaper() noexcept;
    Change least_missed(double room) noexcept;
    void send_home() noexcept;
    void end_annealing() noexcept;
    void find_floors() noexcept;
    double hope(Rank g, double leave, const Point& floors) const noexcept;
    double most_saved(Rank g, const Point& floors) const noexcept;
    double most_hoped(Rank g, const Point& floors) const noexcept;
    bool hopeless(Rank g) const noexcept;
    void find_hopeless() noexcept;
    void follow_hopes() noexcept;
    void give_up(Rank g) noexcept;
    double best_saving_of_load(Rank g) noexcept;

    double price_change(const Change& change) const noexcept;
    double saving(const Change& change) const noexcept;
    double given_back_for_session(const Change& change) const noexcept;
    double worth(const Change& change) noexcept;
    double roughly(const Change& change) const noexcept;
    int migrations_change(const Change& change) const noexcept;
    bool allowed(const Change& change) const noexcept;
    bool overfills(const Change& change) const noexcept;
    bool worse_than_source(const Change& change) const noexcept;
    bool apply(const Change& change) noexcept;
    bool gives(Rank n) const noexcept {
        return !limits_.overloaded_only || objective_->overloaded(board_->node(n));
    }
    bool away(Rank g) const noexcept { return board_->guest(g).node != board_->guest(g).home; }
    // Guests with a session move when all others have.
    bool may_move(Rank g) const noexcept {
        const Guest& guest = board_->guest(g);
        return guest.free && !settled_[g] && (toll_ == 0 || !guest.session);
    }

    Board* board_ = nullptr;
    Objective* objective_ = nullptr;
    DescentLimits limits_;
    std::span<Change> best_;    // by guest, as the last sweep found it
    std::span<bool> settled_;   // by guest: had its place before the descent began
    std::span<bool> hopeless_;  // by guest: no sweep needs to look at it
    std::span<Rank> order_;     // guests whose best change is worth making
    // Guests away from home when a sweep of swaps begins; first those whose node changed since the last one.
    BoundedList<Rank> away_;
    std::size_t away_unswapped_ = 0;           // how many those are
    BoundedList<PartnerGroup> partner_lanes_;  // the first of them; more than fit are looked at one by one
    std::span<bool> touched_;                  // nodes that changed at the end of the last sweep
    std::span<bool> unswapped_;                // nodes that changed since the last sweep of swaps
    BoundedList<Rank> recent_;                 // the nodes that are touched
    std::span<Tangent> tangents_;              // by node, since the last sweep
    std::span<TangentGroup> tangent_lanes_;    // the same side by side
    std::span<TangentGroup> recent_lanes_;     // of the nodes that are touched, in their order
    std::span<Point> floors_from_;  // of the touched nodes of this group of eight and those after it
    Point floors_{};                // on each axis the gentlest slope of any destination's cost
    Point recent_floors_{};         // likewise of the touched nodes
    Point hopeless_floors_{};       // at which the hopeless are; nobody was asked: below all
    Annealing annealing_;
    Steepest rule_;
    double target_ = 0;        // what the cost is to become; 0: as low as the prices let it
    bool uneven_ = false;      // so much that the price may fall below that without a rule
    double preset_share_ = 1;  // of the preset prices that counts now
    std::uint64_t rule_evaluations_max_ = 0;
    bool shortened_ = false;
    Stage stage_ = Stage::over;
    Rank cursor_ = 0;
    bool whole_ = true;  // this sweep looks at all places, not only at those that changed
    bool whole_swaps_ = true;
    double toll_ = 0;  // on every migration, beside its price
    double most_ = 0;  // the best that a migration without toll was worth in the last whole sweep
    std::uint32_t last_looks_ = 0;
    double first_toll_ = 0;
    double least_price_ = 0;  // of any guest's migration
    std::uint64_t evaluations_ = 0;
    std::uint32_t migrations_ = 0;
};

}  // namespace ballast::policy::planner
