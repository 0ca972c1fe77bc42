#include "policy/planner/slopes.hpp"

#include <algorithm>

namespace ballast::policy::planner {

Slopes::Slopes(Arena& arena, std::size_t hosts_max) noexcept
    : marked_{arena.make_array<bool>(hosts_max)},
      changed_{arena.make_array<Rank>(hosts_max)},
      tangents_{arena.make_array<Tangent>(hosts_max)},
      groups_{arena.make_array<TangentGroup>(groups_of(hosts_max))},
      changed_groups_{arena.make_array<TangentGroup>(groups_of(hosts_max))},
      floors_from_{arena.make_array<Point>(groups_of(hosts_max))} {}

void Slopes::begin(const Board& board, const Objective& objective) noexcept {
    board_ = &board;
    objective_ = &objective;
    std::fill(marked_.begin(), marked_.end(), false);
    changed_.clear();
    follow();
}

void Slopes::forget_changed() noexcept {
    for (const Rank n : changed_.items()) {
        marked_[n] = false;
    }
    changed_.clear();
}

void Slopes::mark_changed(Rank n) noexcept {
    marked_[n] = true;
    changed_.push(n);
}

void Slopes::lower(Point& floors, const Node& node) const noexcept {
    for (std::size_t a = 0; a < axis_count && node.takes; ++a) {
        floors[a] = std::min(floors[a], node.per_unit[a] * slope_on(objective_->curves(), a, node.at[a]));
    }
}

void Slopes::follow() noexcept {
    floors_.fill(unlimited);
    changed_floors_ = floors_;
    for (const Node& node : board_->nodes()) {
        lower(floors_, node);
    }
    for (const Rank n : changed_.items()) {
        lower(changed_floors_, board_->node(n));
    }
    find_tangents();
}

void Slopes::find_tangents() noexcept {
    for (Rank n = 0; n < board_->nodes().size(); ++n) {
        tangents_[n] = tangent_of(objective_->curves(), board_->node(n));
        groups_[n / lane_count].set(n % lane_count, tangents_[n]);
    }
    for (std::size_t i = 0; i < changed_.size(); ++i) {
        changed_groups_[i / lane_count].set(i % lane_count, tangents_[changed_[i]]);
    }
}

void Slopes::order_all() noexcept {
    forget_changed();
    for (Rank n = 0; n < board_->nodes().size(); ++n) {
        if (board_->node(n).takes) {
            mark_changed(n);
        }
    }
    find_tangents();
    Point typical{};
    for (const Guest& guest : board_->guests()) {
        typical = sum(typical, guest.amount);
    }
    const auto rise = [&](Rank n) {
        double cost = 0;
        for (std::size_t a = 0; a < axis_count; ++a) {
            cost += tangents_[n].slope[a] * typical[a];
        }
        return cost;
    };
    const auto nodes = changed_.items();
    std::sort(nodes.begin(), nodes.end(), [&](Rank a, Rank b) {
        const double left = rise(a);
        const double right = rise(b);
        return left != right ? left < right : a < b;
    });
    follow();
    Point floors;
    floors.fill(unlimited);
    for (std::size_t i = nodes.size(); i-- > 0;) {
        lower(floors, board_->node(nodes[i]));
        floors_from_[i / lane_count] = floors;
    }
}

}  // namespace ballast::policy::planner
