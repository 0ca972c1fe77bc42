#include "policy/planner/move_sweep.hpp"

#include <algorithm>

namespace ballast::policy::planner {

void MoveSweep::begin(Changes& changes, const Slopes& slopes, const Hopes& hopes) noexcept {
    changes_ = &changes;
    board_ = &changes.board();
    objective_ = &changes.objective();
    slopes_ = &slopes;
    hopes_ = &hopes;
    whole_ = true;
    most_ = 0;
}

// Nodes but the guest's home that cost as much or more are of no use: going there is worth nothing, and no
// more than is known of others' moves without toll. `leave`: what its leaving changes. A deviation is lower
// than its curves, so that nothing is known of it.
double MoveSweep::most_cost(Rank g, double leave) const noexcept {
    if (!objective_->exact()) {
        return unlimited;
    }
    const double price = changes_->price_of({g, nobody});
    const double least_worth = whole_ && !changes_->away(g) ? std::min(0.0, most_ - changes_->toll()) : 0;
    return -leave - price - least_worth + rounding_share * (price + 1);
}

// The nodes that no rule forbids and to which it costs least to come, by the curves; less than `cost_max`.
Nearest MoveSweep::nearest_places(Rank g, double cost_max) const noexcept {
    Nearest open;
    const auto offer = [&](Rank to, double cost) {
        if (changes_->allowed({g, to})) {
            open.offer(to, cost);
        }
        return std::min(open.bound(), cost_max);
    };
    if (objective_->exact()) {
        board_->for_each_place(objective_->curves(), g, offer, cost_max);
        return open;
    }
    const Rank from = board_->guest(g).node;
    const auto nodes = board_->nodes();
    Lanes costs{};
    for (Rank first = 0; first < nodes.size(); first += lane_count) {
        rises(slopes_->group(first / lane_count), board_->guest(g).amount, costs);
        for (Rank to = first; to < nodes.size() && to < first + lane_count; ++to) {
            if (costs[to - first] < open.bound() && to != from && nodes[to].takes) {
                offer(to, costs[to - first]);
            }
        }
    }
    return open;
}

double MoveSweep::scan_places(Rank g, double cost_max, Change& best) noexcept {
    const Nearest open = nearest_places(g, cost_max);
    changes_->count_evaluations(board_->nodes().size());
    double found = -unlimited;
    const auto consider = [&](Rank to) {
        Change change{g, to, nobody, 0};
        change.worth = changes_->worth(change);
        found = std::max(found, change.worth);
        best = better(change, best) ? change : best;
    };
    for (std::size_t i = 0; i < open.size(); ++i) {
        consider(open[i]);
    }
    const Rank home = board_->guest(g).home;
    if (changes_->away(g) && changes_->allowed({g, home})) {
        consider(home);
    }
    return found;
}

// Of the places only those that changed at the end of the last sweep.
void MoveSweep::scan_changed(Rank g, double leave, Change& best) noexcept {
    const Guest& guest = board_->guest(g);
    const auto places = slopes_->changed();
    const double doubt = objective_->exact() ? 0 : doubt_share * (changes_->price(guest) + changes_->toll());
    const double price_home = changes_->price_of({g, guest.home});
    const double price_elsewhere = changes_->price_of({g, nobody});
    Lanes costs{};
    for (std::size_t i = 0; i < places.size(); ++i) {
        const Rank to = places[i];
        if (i % lane_count == 0 && !objective_->exact()) {
            rises(slopes_->changed_group(i / lane_count), guest.amount, costs);
        }
        if (to == guest.node || !board_->node(to).takes) {
            continue;
        }
        const double cost = objective_->exact()
                                ? objective_->change_at(board_->node(to), board_->shift(g, to, 1))
                                : costs[i % lane_count];
        Change change{g, to, nobody, 0};
        change.worth = -leave - cost - (to == guest.home ? price_home : price_elsewhere) + doubt;
        if (change.worth > best.worth && changes_->allowed(change)) {
            change.worth = changes_->worth(change);
            best = better(change, best) ? change : best;
        }
    }
    changes_->count_evaluations(places.size());
}

void MoveSweep::scan(Rank g, Change& best) noexcept {
    changes_->count_evaluations(1);
    const Rank from = board_->guest(g).node;
    if (!changes_->may_move(g) || !changes_->gives(from)) {
        best = Change{};
        return;
    }
    const bool stale = whole_ || slopes_->changed(from) || best.with != nobody ||
                       (best.to != nobody && slopes_->changed(best.to));
    if (stale) {
        best = Change{};
    }
    const Point& floors = stale ? slopes_->floors() : slopes_->changed_floors();
    const double at_most = hopes_->at_most(g, floors);
    const bool taller = whole_ && !changes_->away(g) && at_most + changes_->toll() > most_;
    if (at_most <= best.worth && !taller) {
        return;
    }
    const double leave = objective_->change_at(board_->node(from), board_->shift(g, from, -1));
    double hoped = hopes_->of(g, leave, floors);
    if (hoped > best.worth && changes_->limits().calm != nullptr && changes_->limits().calm->mark(from)) {
        hoped = hopes_->of(g, leave, slopes_->floors());  // all is stale
    }
    double found = hoped;
    if (hoped > best.worth && stale) {
        found = scan_places(g, most_cost(g, leave), best);
    } else if (hoped > best.worth) {
        scan_changed(g, leave, best);
    }
    if (whole_ && !changes_->away(g)) {
        most_ = std::max(most_, found + changes_->toll());
    }
}

}  // namespace ballast::policy::planner
