// Relief where a swap counts as one action, as SCOA counts: single actions, the best first.
#include <algorithm>

#include "policy/planner/nearest.hpp"
#include "policy/planner/relief.hpp"

namespace ballast::policy::planner {
namespace {

// Of one host, before guests that only move are tried.
constexpr std::size_t actions_max = 6;

}  // namespace

// What the action changes on the node that it relieves, and where the guest goes.
Relief::Effect Relief::effect(const Action& action) const noexcept {
    const Rank from = board_->guest(action.guest).node;
    Effect by{board_->shift(action.guest, from, -1), board_->shift(action.guest, action.to, 1)};
    if (action.with != nobody) {
        by.there = sum(by.there, board_->shift(action.with, action.to, -1));
        by.here = sum(by.here, board_->shift(action.with, from, 1));
    }
    return by;
}

// In squares of utilisations, without knees: loads that rise rise together, and the guests that suit each
// other now are then to suit each other still. Both guests of a swap are paid for.
double Relief::cost_of(const Action& action, const Effect& by) const noexcept {
    const Rank from = board_->guest(action.guest).node;
    const double paid = objective_->price(board_->guest(action.guest)) +
                        (action.with == nobody ? 0 : objective_->price(board_->guest(action.with)));
    return objective_->squares_change(board_->node(from), by.here) +
           objective_->squares_change(board_->node(action.to), by.there) + paid;
}

bool Relief::permitted(const Action& action) const noexcept {
    if (action.with == nobody) {
        return !board_->obstacle(action.guest, action.to);
    }
    const Rank from = board_->guest(action.guest).node;
    const std::int64_t there = board_->guest(action.guest).memory_mib;
    const std::int64_t back = board_->guest(action.with).memory_mib;
    const std::int64_t room_there = board_->node(action.to).room_mib;
    const std::int64_t room_here = board_->node(from).room_mib;
    const bool may_begin = room_there >= there || room_here >= back;  // one of them has to move first
    return may_begin && room_there + back >= there && room_here + there >= back &&
           !board_->obstacle_but_memory(action.guest, action.to, action.with) &&
           !board_->obstacle_but_memory(action.with, from, action.guest);
}

void Relief::consider(const Action& action, Wanted wanted, Action& best) noexcept {
    ++evaluations_;
    const Rank from = board_->guest(action.guest).node;
    const Effect by = effect(action);
    Action found = action;
    found.cost = cost_of(action, by);
    if (!(found.cost < best.cost) || !cool(action.to, by.there, place_margin_)) {
        return;
    }
    const bool relieved = wanted == Wanted::cooler
                              ? heat(from, by.here) < heat(from, Point{})
                              : cool(from, by.here, wanted == Wanted::margin ? limits_.margin : 0);
    if (relieved && permitted(action)) {
        best = found;
    }
}

bool Relief::act(Rank n, bool sessions, Wanted wanted) noexcept {
    const auto may_go = [&](const Guest& guest) {
        return guest.free && guest.node == guest.home && (sessions || !guest.session);
    };
    Action best;
    best.cost = unlimited;
    for (Rank g = board_->node(n).first; g != nobody && !exhausted(); g = board_->guest(g).next) {
        Nearest nearest;  // of all nodes only these are looked at for partners: a large pool has too many
        for (Rank to = 0; to < board_->nodes().size() && may_go(board_->guest(g)); ++to) {
            if (to != n && board_->node(to).takes) {
                consider({g, to}, wanted, best);
                nearest.offer(to, objective_->squares_change(board_->node(to), board_->shift(g, to, 1)));
            }
        }
        for (std::size_t i = 0; i < nearest.size(); ++i) {
            for (Rank with = board_->node(nearest[i]).first; with != nobody;
                 with = board_->guest(with).next) {
                if (may_go(board_->guest(with))) {
                    consider({g, nearest[i], with}, wanted, best);
                }
            }
        }
    }
    return best.guest != nobody && carry_out(best);
}

bool Relief::carry_out(const Action& action) noexcept {
    if (action.with == nobody) {
        return go(action.guest, action.to);
    }
    const Rank from = board_->guest(action.guest).node;
    if (limits_.migrations_max - migrations_ < 2) {
        return false;
    }
    board_->move(action.guest, action.to);
    board_->move(action.with, from);
    if (limits_.keep_spare_host && !board_->survives_largest()) {
        board_->move(action.guest, from);
        board_->move(action.with, action.to);
        return false;
    }
    board_->guests()[action.guest].partner = action.with;
    board_->guests()[action.with].partner = action.guest;
    migrations_ += 2;
    return true;
}

// One action that cools the node; otherwise the best ones, one after the other, as long as they help.
bool Relief::relieve_by_actions(Rank n) noexcept {
    for (const auto& [sessions, margin] : {std::pair{false, limits_.margin}, {false, 0.0}, {true, 0.0}}) {
        place_margin_ = margin;
        if (act(n, sessions, Wanted::margin) || act(n, sessions, Wanted::threshold)) {
            return true;
        }
    }
    for (std::size_t step = 0; step < actions_max && act(n, true, Wanted::cooler); ++step) {
        if (cool(n, Point{}, 0) || act(n, true, Wanted::threshold)) {
            return true;
        }
    }
    return false;
}

// Whether the guest's going there saves more than the share of its price that counts; of one without a place,
// its leaving alone.
bool Relief::pays(Rank g, Rank to) const noexcept {
    const Rank from = board_->guest(g).node;
    double cost = objective_->change_at(board_->node(from), board_->shift(g, from, -1));
    if (to != nobody) {
        cost += objective_->change_at(board_->node(to), board_->shift(g, to, 1));
    }
    return cost + limits_.price_share * objective_->price(board_->guest(g)) < 0;
}

}  // namespace ballast::policy::planner
