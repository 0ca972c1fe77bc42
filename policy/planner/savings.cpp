#include "policy/planner/savings.hpp"

#include <algorithm>

namespace ballast::policy::planner {

void Savings::begin(Changes& changes, Slopes& slopes, MoveSweep& moves) noexcept {
    changes_ = &changes;
    slopes_ = &slopes;
    moves_ = &moves;
    slopes.order_all();
}

double Savings::best(Rank g) noexcept {
    if (changes_->objective().exact() && !changes_->away(g)) {
        return best_against_load(g);
    }
    Change best;
    best.worth = -unlimited;
    static_cast<void>(moves_->scan_places(g, unlimited, best));
    return best.to == nobody ? 0 : std::max(0.0, changes_->saving(best));
}

// A convex cost lies above its tangents, with the squares' own bends: places that by these cost more than the
// best are not worked out. The gentlest come first: a guest's best place is among the first, and how gentle
// those behind are tells where to stop.
double Savings::best_against_load(Rank g) noexcept {
    const Board& board = changes_->board();
    const Objective& objective = changes_->objective();
    const Guest& guest = board.guest(g);
    const double leave = objective.change_at(board.node(guest.node), board.shift(g, guest.node, -1));
    const auto places = slopes_->changed();
    double least = -leave;  // that coming may cost
    Lanes costs{};
    for (std::size_t i = 0; i < places.size(); ++i) {
        const std::size_t group = i / lane_count;
        if (i % lane_count == 0) {
            double floor = -rounding_share;
            for (std::size_t a = 0; a < axis_count; ++a) {
                floor += guest.amount[a] * slopes_->floors_from(group)[a];
            }
            if (floor >= least) {
                break;
            }
            rises(slopes_->changed_group(group), guest.amount, costs);
            changes_->count_evaluations(lane_count);
        }
        const Rank to = places[i];
        if (to == guest.node || costs[i % lane_count] - rounding_share >= least) {
            continue;
        }
        const double cost = objective.change_at(board.node(to), board.shift(g, to, 1));
        if (cost < least && changes_->allowed({g, to})) {
            least = cost;
        }
    }
    return std::max(0.0, -(leave + least));
}

}  // namespace ballast::policy::planner
