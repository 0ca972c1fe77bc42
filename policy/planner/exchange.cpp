// The sweeps of the descent that exchange two guests.
#include <algorithm>

#include "policy/planner/descent.hpp"

namespace ballast::policy::planner {

void Descent::consider_swap(Rank g, Rank other, Change& best) noexcept {
    const Rank from = board_->guest(g).node;
    const Rank to = board_->guest(other).node;
    const bool known = !whole_swaps_ && !unswapped_[from] && (to == nobody || !unswapped_[to]);
    if (to == from || to == nobody || known || !may_move(other)) {
        return;
    }
    Change change{g, to, other, 0};
    const double doubt = objective_->exact() ? 0 : doubt_share * (price_of(board_->guest(g)) + toll_);
    ++evaluations_;
    const Guest& one = board_->guest(g);
    const Guest& two = board_->guest(other);
    const bool both_stay_away = away(g) && away(other) && one.home != to && two.home != from;
    if (both_stay_away && !objective_->exact() && traded(from, to, one.amount, two.amount) + doubt <= 0) {
        return;  // no migration more and none less: the price is none
    }
    if (roughly(change) + doubt <= 0) {
        return;
    }
    change.worth = worth(change);
    if (better(change, best) && allowed(change)) {
        best = change;
    }
}

void Descent::consider_all_on(Rank n, Rank g, Change& best) noexcept {
    for (Rank other = board_->node(n).first; other != nobody; other = board_->guest(other).next) {
        consider_swap(g, other, best);
    }
}

// What trading guests between two nodes saves at most by the curves, whatever is traded: on each axis the
// change of the cost is a parabola of the amount. Only for curves without knees.
double Descent::most_of_trade(const Node& one, const Node& other) const noexcept {
    const Curves& curves = objective_->curves();
    double most = 0;
    for (std::size_t a = 0; a < axis_count; ++a) {
        const double bend =
            curves.quadratic[a] * (one.per_unit[a] * one.per_unit[a] + other.per_unit[a] * other.per_unit[a]);
        const double slope = one.per_unit[a] * slope_on(curves, a, one.at[a]) -
                             other.per_unit[a] * slope_on(curves, a, other.at[a]);
        most += bend > 0 ? slope * slope / (4 * bend) : 0;
    }
    return most;
}

// Whether a swap with a guest of the node that is at home, which takes one migration more, can be worth it.
bool Descent::may_pay_to_trade(Rank g, Rank to) const noexcept {
    const Node& source = board_->node(board_->guest(g).node);
    const Node& target = board_->node(to);
    if (objective_->exact() || !source.counts || !target.counts) {
        return true;
    }
    const double doubt = doubt_share * price_of(board_->guest(g));
    const double back = to == board_->guest(g).home ? price_of(board_->guest(g)) : 0;
    return most_of_trade(source, target) + doubt + back > least_price_;
}

// While there is a toll, only swaps that take no migration more: with another guest that is away, and with
// one of the host that the guest has left, who goes in its stead.
void Descent::scan_partners(Rank g, Change& best) noexcept {
    const bool all = whole_swaps_ || unswapped_[board_->guest(g).node];
    for (const Rank other : all ? away_.items() : away_unswapped_.items()) {
        if (other > g) {
            consider_swap(g, other, best);
        }
    }
    if (toll_ > 0) {
        consider_all_on(board_->guest(g).home, g, best);
        return;
    }
    for (Rank to = 0; to < board_->nodes().size(); ++to) {
        if ((all || unswapped_[to]) && board_->node(to).takes && may_pay_to_trade(g, to)) {
            consider_all_on(to, g, best);
        }
    }
}

// Against load a swap of two guests that are at home is worth its two migrations only to an overloaded node.
void Descent::scan_partners_of_overloaded(Rank g, Change& best) noexcept {
    const Rank from = board_->guest(g).node;
    Nearest nearest;
    for (Rank to = 0; to < board_->nodes().size(); ++to) {
        if (to != from && board_->node(to).takes) {
            nearest.offer(to, objective_->change_at(board_->node(to), board_->shift(g, to, 1)));
        }
    }
    for (std::size_t i = 0; i < nearest.size(); ++i) {
        consider_all_on(nearest[i], g, best);
    }
}

void Descent::scan_swaps(Rank g) noexcept {
    Change& best = best_[g] = Change{};
    ++evaluations_;
    const Rank from = board_->guest(g).node;
    if (!may_move(g) || from == nobody || !gives(from)) {
        return;
    }
    if (away(g)) {
        scan_partners(g, best);
    } else if (objective_->overloaded(board_->node(from))) {
        scan_partners_of_overloaded(g, best);
    }
}

}  // namespace ballast::policy::planner
