#include "policy/planner/swap_sweep.hpp"

#include <algorithm>

#include "policy/planner/nearest.hpp"

namespace ballast::policy::planner {
namespace {

// Of a price: what floats may be wrong by, many times over.
constexpr double float_share = 1e-3;
// Guests away from home that are looked at side by side; a plan of more migrations takes more time.
constexpr std::size_t partners_max = 4096;

}  // namespace

SwapSweep::SwapSweep(Arena& arena, std::size_t hosts_max, std::size_t vms_max) noexcept
    : away_{arena.make_array<Rank>(vms_max)},
      partner_groups_{arena.make_array<PartnerGroup>(groups_of(std::min(vms_max, partners_max)))},
      unswapped_{arena.make_array<bool>(hosts_max)} {}

void SwapSweep::begin(Changes& changes, const Slopes& slopes, const Hopes& hopes) noexcept {
    changes_ = &changes;
    board_ = &changes.board();
    objective_ = &changes.objective();
    slopes_ = &slopes;
    hopes_ = &hopes;
    whole_ = true;
    away_.clear();
    away_unswapped_ = 0;
    std::fill(unswapped_.begin(), unswapped_.end(), false);
}

void SwapSweep::begin_sweep() noexcept {
    away_.clear();
    for (const bool first : {true, false}) {
        for (Rank g = 0; g < board_->guests().size(); ++g) {
            if (!hopes_->none(g) && changes_->away(g) && changes_->may_move(g) &&
                unswapped_[board_->guest(g).node] == first) {
                away_.push(g);
            }
        }
        away_unswapped_ = first ? away_.size() : away_unswapped_;
    }
    show_partners();
}

void SwapSweep::end_sweep() noexcept {
    std::fill(unswapped_.begin(), unswapped_.end(), false);
}

void SwapSweep::consider_swap(Rank g, Rank other, Change& best) noexcept {
    const Rank from = board_->guest(g).node;
    const Rank to = board_->guest(other).node;
    const bool known = !whole_ && !unswapped_[from] && (to == nobody || !unswapped_[to]);
    if (to == from || to == nobody || known || !changes_->may_move(other)) {
        return;
    }
    Change change{g, to, other, 0};
    const double doubt =
        objective_->exact() ? 0 : doubt_share * (changes_->price(board_->guest(g)) + changes_->toll());
    changes_->count_evaluations(1);
    const Guest& one = board_->guest(g);
    const Guest& two = board_->guest(other);
    const bool both_stay_away =
        changes_->away(g) && changes_->away(other) && one.home != to && two.home != from;
    const double saved = trade(slopes_->at(from), slopes_->at(to), one.amount, two.amount);
    if (both_stay_away && !objective_->exact() && saved + doubt <= 0) {
        return;  // no migration more and none less: the price is none
    }
    const double price = changes_->price_of(change);
    const double rounding =
        rounding_share * (changes_->price(one) + changes_->price(two) + changes_->toll() + 1);
    if (saved - price + doubt + rounding <= 0 ||
        (objective_->exact() && changes_->worth_by_curves(change) <= 0)) {
        return;
    }
    change.worth = changes_->worth(change);
    if (better(change, best) && changes_->allowed(change)) {
        best = change;
    }
}

void SwapSweep::consider_all_on(Rank n, Rank g, Change& best) noexcept {
    for (Rank other = board_->node(n).first; other != nobody; other = board_->guest(other).next) {
        consider_swap(g, other, best);
    }
}

// The guests that are away side by side, for curves without knees.
void SwapSweep::show_partners() noexcept {
    partner_groups_.clear();
    for (const Rank g : away_.items()) {
        if (objective_->exact()) {
            return;
        }
        const bool begins = partner_groups_.empty() || partner_groups_.items().back().size == lane_count;
        if (begins && !partner_groups_.push(PartnerGroup{})) {
            return;
        }
        const Guest& guest = board_->guest(g);
        partner_groups_.items().back().add(g, guest, slopes_->at(guest.node));
    }
}

// Swaps with the first `count` guests that are away. Of two that both stay away only those that may save
// something are evaluated: they take no migration more and none less, so that there is no price.
void SwapSweep::scan_away(Rank g, std::size_t count, Change& best) noexcept {
    const Guest& guest = board_->guest(g);
    const double doubt = (doubt_share + float_share) * (changes_->price(guest) + changes_->toll());
    std::size_t seen = 0;
    PartnerGroup::Floats saved{};
    for (const PartnerGroup& group : partner_groups_.items()) {
        if (seen >= count) {
            return;
        }
        trades(group, guest.amount, slopes_->at(guest.node), saved);
        for (std::size_t p = 0; p < group.size; ++p) {
            const bool goes_home = group.home[p] == guest.node || group.node[p] == guest.home;
            if (group.guest[p] > g && (goes_home || static_cast<double>(saved[p]) + doubt > 0)) {
                consider_swap(g, group.guest[p], best);
            }
        }
        seen += group.size;
        changes_->count_evaluations(group.size);
    }
    for (; seen < count; ++seen) {
        if (away_[seen] > g) {
            consider_swap(g, away_[seen], best);
        }
    }
}

// Swaps with guests of all nodes, or of those that changed since the last sweep of swaps. Only where guests
// of the two nodes can be traded so well that one migration more is paid for. Who is away there need not
// migrate for it: against load such guests are looked at for themselves, here those before `g`.
void SwapSweep::scan_nodes_for_partners(Rank g, bool all, Change& best) noexcept {
    const Guest& guest = board_->guest(g);
    const auto nodes = board_->nodes();
    const bool certain = !board_->node(guest.node).counts;
    const bool exact = objective_->exact();
    const double doubt = exact ? rounding_share : doubt_share * changes_->price(guest);
    Lanes most{};
    for (Rank to = 0; to < nodes.size(); ++to) {
        if (to % lane_count == 0 && !certain && !exact) {
            most_of_trades(slopes_->group(to / lane_count), slopes_->at(guest.node), most);
        }
        if (!(all || unswapped_[to]) || !nodes[to].takes) {
            continue;
        }
        const double back = to == guest.home ? changes_->price(guest) : 0;
        const auto saved = [&] {
            changes_->count_evaluations(1);
            return most_of_trade(slopes_->at(guest.node), slopes_->at(to), guest.amount);
        };
        if (certain || (exact ? saved() : most[to % lane_count]) + doubt + back > changes_->least_price()) {
            consider_all_on(to, g, best);
        }
    }
    for (std::size_t i = 0; i < away_.size() && exact; ++i) {
        if (away_[i] < g && board_->node(board_->guest(away_[i]).node).takes) {
            consider_swap(g, away_[i], best);
        }
    }
}

// While there is a toll, only swaps that take no migration more: with another guest that is away, and with
// one of the host that the guest has left, who goes in its stead.
void SwapSweep::scan_partners(Rank g, Change& best) noexcept {
    const bool all = whole_ || unswapped_[board_->guest(g).node];
    scan_away(g, all ? away_.size() : away_unswapped_, best);
    if (changes_->toll() > 0) {
        consider_all_on(board_->guest(g).home, g, best);
    } else {
        scan_nodes_for_partners(g, all, best);
    }
}

// Against load a swap of two guests that are at home is worth its two migrations only to an overloaded node.
void SwapSweep::scan_partners_of_overloaded(Rank g, Change& best) noexcept {
    const Rank from = board_->guest(g).node;
    const bool known = !whole_ && !unswapped_[from];
    Nearest nearest;
    for (Rank to = 0; to < board_->nodes().size(); ++to) {
        if (to != from && board_->node(to).takes) {
            nearest.offer(to, objective_->change_at(board_->node(to), board_->shift(g, to, 1)));
        }
    }
    for (std::size_t i = 0; i < nearest.size(); ++i) {
        if (!known || unswapped_[nearest[i]]) {
            scan_partners_on(nearest[i], g, best);
        }
    }
}

// A convex cost lies above its tangent: what the trade would save by tangents with the squares' own bends is
// no less than what it saves. In a pool without room that rules out nearly all, whole nodes first.
void SwapSweep::scan_partners_on(Rank n, Rank g, Change& best) noexcept {
    const Guest& guest = board_->guest(g);
    const Node& source = board_->node(guest.node);
    if (!objective_->exact() || !source.counts) {
        return consider_all_on(n, g, best);
    }
    const Tangent here = tangent_of(objective_->curves(), source);
    const Tangent there = tangent_of(objective_->curves(), board_->node(n));
    const auto pays = [](double saved, double price) { return saved * (1 + rounding_share) > price; };
    const auto returns = [&](Rank other) { return board_->guest(other).node == n; };
    const bool some_return = std::any_of(away_.items().begin(), away_.items().end(), returns);
    const double least = changes_->price(guest) + changes_->least_price() + 2 * changes_->toll();
    changes_->count_evaluations(1);
    if (!some_return && !pays(most_of_trade(here, there, guest.amount), least)) {
        return;
    }
    for (Rank other = board_->node(n).first; other != nobody; other = board_->guest(other).next) {
        const double price = some_return ? changes_->price_of({g, n, other}) : least;
        if (pays(trade(here, there, guest.amount, board_->guest(other).amount),
                 price + std::max(best.worth, 0.0) * (1 - rounding_share))) {
            consider_swap(g, other, best);
        } else {
            changes_->count_evaluations(1);
        }
    }
}

void SwapSweep::scan(Rank g, Change& best) noexcept {
    best = Change{};
    changes_->count_evaluations(1);
    const Rank from = board_->guest(g).node;
    if (!changes_->may_move(g) || from == nobody || !changes_->gives(from)) {
        return;
    }
    if (changes_->away(g)) {
        scan_partners(g, best);
    } else if (objective_->overloaded(board_->node(from))) {
        scan_partners_of_overloaded(g, best);
    }
}

}  // namespace ballast::policy::planner
