// What a guest may hope for from moves, before anybody looks for them; and who need not be looked at.
#include <algorithm>
#include <limits>

#include "policy/planner/descent.hpp"

namespace ballast::policy::planner {

// Coming to a node costs a guest at least what it would on the gentlest slope that any node has on each axis:
// of all nodes, and of those that have changed.
void Descent::find_floors() noexcept {
    const auto lower = [&](Point& floors, const Node& node) {
        for (std::size_t a = 0; a < axis_count && node.takes; ++a) {
            floors[a] = std::min(floors[a], node.per_unit[a] * slope_on(objective_->curves(), a, node.at[a]));
        }
    };
    floors_.fill(std::numeric_limits<double>::infinity());
    recent_floors_ = floors_;
    for (const Node& node : board_->nodes()) {
        lower(floors_, node);
    }
    for (const Rank n : recent_.items()) {
        lower(recent_floors_, board_->node(n));
    }
}

// No move of the guest to nodes with these floors is worth more. `leave`: what its leaving changes.
double Descent::hope(Rank g, double leave, const Point& floors) const noexcept {
    const Guest& guest = board_->guest(g);
    double least = leave;
    for (std::size_t a = 0; a < axis_count; ++a) {
        least += guest.amount[a] * floors[a];
    }
    const double price = price_of(guest) + toll_;
    const double doubt = objective_->exact() ? 0 : doubt_share * price;
    return -least + doubt - trifle * price_of(guest) + (away(g) ? price : -price);
}

// By the tangents of the guest's node: without prices, no move to nodes with these floors saves more.
double Descent::most_saved(Rank g, const Point& floors) const noexcept {
    const Guest& guest = board_->guest(g);
    const Tangent& here = tangents_[guest.node];
    double most = 0;
    for (std::size_t a = 0; a < axis_count; ++a) {
        most += guest.amount[a] * (here.slope[a] - guest.amount[a] * here.bend[a] - floors[a]);
    }
    return most;
}

// The same as `hope` for less work: no less than that.
double Descent::most_hoped(Rank g, const Point& floors) const noexcept {
    const Guest& guest = board_->guest(g);
    const double price = price_of(guest) + toll_;
    const double doubt = (objective_->exact() ? 0 : doubt_share) * price + rounding_share * price;
    return most_saved(g, floors) + doubt - trifle * price_of(guest) + (away(g) ? price : -price);
}

// Nodes but the guest's home that cost as much or more are of no use: going there is worth nothing, and no
// more than is known of others' moves without toll. `leave`: what its leaving changes. A deviation is lower
// than its curves, so that nothing is known of it.
double Descent::most_cost(Rank g, double leave) const noexcept {
    if (!objective_->exact()) {
        return std::numeric_limits<double>::infinity();
    }
    const double price = price_change({g, nobody});
    const double least_worth = whole_ && !away(g) ? std::min(0.0, most_ - toll_) : 0;
    return -leave - price - least_worth + rounding_share * (price + 1);
}

// Whether no move of the guest pays, whatever the toll, and no swap is looked for. Against load that is so
// until its node gets fuller or some other emptier than all were.
bool Descent::hopeless(Rank g) const noexcept {
    const Guest& guest = board_->guest(g);
    if (guest.node == nobody) {
        return true;
    }
    if (away(g) || objective_->overloaded(board_->node(guest.node))) {
        return false;
    }
    return !guest.free || !gives(guest.node) ||
           most_saved(g, hopeless_floors_) <= (1 - rounding_share) * price_of(guest);
}

void Descent::give_up(Rank g) noexcept {
    hopeless_[g] = hopeless(g);
    if (hopeless_[g]) {
        best_[g] = Change{};
    }
}

void Descent::find_hopeless() noexcept {
    hopeless_floors_ = floors_;
    for (Rank g = 0; g < board_->guests().size() && objective_->exact(); ++g) {
        give_up(g);
    }
}

// After a sweep: only guests of nodes that changed may hope anew, or all when some node is emptier than ever.
void Descent::follow_hopes() noexcept {
    if (!objective_->exact()) {
        return;
    }
    bool lower = false;
    for (std::size_t a = 0; a < axis_count; ++a) {
        lower = lower || floors_[a] < hopeless_floors_[a];
    }
    if (lower) {
        find_hopeless();
        return;
    }
    for (const Rank n : recent_.items()) {
        for (Rank g = board_->node(n).first; g != nobody; g = board_->guest(g).next) {
            give_up(g);
        }
    }
}

// All places count as touched, the gentlest first: a guest's best place is among the first, and how gentle
// those behind are tells where to stop.
void Descent::order_places() noexcept {
    recent_.clear();
    find_floors();
    Point typical{};
    for (const Guest& guest : board_->guests()) {
        typical = sum(typical, guest.amount);
    }
    for (Rank n = 0; n < board_->nodes().size(); ++n) {
        if (board_->node(n).takes) {
            recent_.push(n);
        }
    }
    find_tangents();
    const auto rise = [&](Rank n) {
        double cost = 0;
        for (std::size_t a = 0; a < axis_count; ++a) {
            cost += tangents_[n].slope[a] * typical[a];
        }
        return cost;
    };
    const auto places = recent_.items();
    std::sort(places.begin(), places.end(), [&](Rank a, Rank b) {
        const double left = rise(a);
        const double right = rise(b);
        return left != right ? left < right : a < b;
    });
    find_tangents();
    Point floors;
    floors.fill(std::numeric_limits<double>::infinity());
    for (std::size_t i = places.size(); i-- > 0;) {
        for (std::size_t a = 0; a < axis_count; ++a) {
            floors[a] = std::min(floors[a], tangents_[places[i]].slope[a]);
        }
        floors_from_[i / lane_count] = floors;
    }
}

double Descent::best_saving(Rank g) noexcept {
    if (objective_->exact() && !away(g)) {
        return best_saving_of_load(g);
    }
    Change best;
    best.worth = -std::numeric_limits<double>::infinity();
    static_cast<void>(scan_places(g, std::numeric_limits<double>::infinity(), best));
    return best.to == nobody ? 0 : std::max(0.0, saving(best));
}

// A convex cost lies above its tangents, with the squares' own bends: places that by these cost more than the
// best are not worked out.
double Descent::best_saving_of_load(Rank g) noexcept {
    const Guest& guest = board_->guest(g);
    const double leave = objective_->change_at(board_->node(guest.node), board_->shift(g, guest.node, -1));
    double least = -leave;  // that coming may cost
    Lanes costs{};
    for (std::size_t i = 0; i < recent_.size(); ++i) {
        const std::size_t group = i / lane_count;
        if (i % lane_count == 0) {
            double floor = -rounding_share;
            for (std::size_t a = 0; a < axis_count; ++a) {
                floor += guest.amount[a] * floors_from_[group][a];
            }
            if (floor >= least) {
                break;
            }
            rises(recent_lanes_[group], guest.amount, costs);
            evaluations_ += lane_count;
        }
        const Rank to = recent_[i];
        if (to == guest.node || costs[i % lane_count] - rounding_share >= least) {
            continue;
        }
        const double cost = objective_->change_at(board_->node(to), board_->shift(g, to, 1));
        if (cost < least && allowed({g, to})) {
            least = cost;
        }
    }
    return std::max(0.0, -(leave + least));
}

}  // namespace ballast::policy::planner
