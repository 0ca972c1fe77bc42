#include "policy/planner/changes.hpp"

#include <algorithm>

namespace ballast::policy::planner {

void Changes::begin(Board& board, Objective& objective, const DescentLimits& limits) noexcept {
    board_ = &board;
    objective_ = &objective;
    limits_ = limits;
    toll_ = 0;
    evaluations_ = 0;
    for (Rank g = 0; g < board.guests().size(); ++g) {
        settled_[g] = away(g);
    }
    find_least_price();
    count_migrations();
}

void Changes::find_least_price() noexcept {
    least_price_ = unlimited;
    for (const Guest& guest : board_->guests()) {
        least_price_ = std::min(least_price_, price(guest));
    }
}

void Changes::count_migrations() noexcept {
    migrations_ = 0;
    for (Rank g = 0; g < board_->guests().size(); ++g) {
        migrations_ += away(g) ? 1 : 0;
    }
}

int Changes::away_more(Rank g, Rank to) const noexcept {
    const Guest& guest = board_->guest(g);
    return (to == guest.home ? 0 : 1) - (guest.node == guest.home ? 0 : 1);
}

int Changes::migrations_more(const Change& change) const noexcept {
    return away_more(change.guest, change.to) +
           (change.with == nobody ? 0 : away_more(change.with, board_->guest(change.guest).node));
}

double Changes::price_of(const Change& change) const noexcept {
    const Guest& guest = board_->guest(change.guest);
    const auto step = [&](Rank g, Rank to) { return away_more(g, to) * (price(board_->guest(g)) + toll_); };
    return step(change.guest, change.to) + trifle * price(guest) +
           (change.with == nobody ? 0 : step(change.with, guest.node));
}

// The curves touch the objective where the board is now.
double Changes::worth_by_curves(const Change& change) const noexcept {
    const Node& source = board_->node(board_->guest(change.guest).node);
    const Node& target = board_->node(change.to);
    const Point& goes = board_->guest(change.guest).amount;
    Point at_source;
    Point at_target;
    for (std::size_t a = 0; a < axis_count; ++a) {
        const double amount = goes[a] - (change.with == nobody ? 0 : board_->guest(change.with).amount[a]);
        at_source[a] = -amount * source.per_unit[a];
        at_target[a] = amount * target.per_unit[a];
    }
    return -objective_->change_at(source, at_source) - objective_->change_at(target, at_target) -
           price_of(change);
}

double Changes::saving(const Change& change) const noexcept {
    const Rank from = board_->guest(change.guest).node;
    Point at_source = board_->shift(change.guest, from, -1);
    Point at_target = board_->shift(change.guest, change.to, 1);
    if (change.with != nobody) {
        at_source = sum(at_source, board_->shift(change.with, from, 1));
        at_target = sum(at_target, board_->shift(change.with, change.to, -1));
    }
    return -objective_->exact_change(board_->sums(), board_->node(from), at_source, board_->node(change.to),
                                     at_target);
}

// What is given back for a guest that goes home because somebody who is at work leaves instead: that must pay
// for a migration of its own, or any trifle would send the one at work.
double Changes::given_back_for_session(const Change& change) const noexcept {
    if (change.with == nobody) {
        return 0;
    }
    const auto given_back = [&](const Guest& stays, const Guest& leaves) {
        const bool instead = !stays.session && leaves.session && stays.node != stays.home &&
                             stays.home == leaves.node && leaves.node == leaves.home;
        return instead ? price(stays) + toll_ : 0;
    };
    const Guest& guest = board_->guest(change.guest);
    const Guest& with = board_->guest(change.with);
    return given_back(guest, with) + given_back(with, guest);
}

double Changes::worth(const Change& change) noexcept {
    ++evaluations_;
    const double net = saving(change) - price_of(change) - given_back_for_session(change);
    const bool session =
        board_->guest(change.guest).session || (change.with != nobody && board_->guest(change.with).session);
    return session && net > 0 ? net * session_factor : net;
}

// No destination may end above what its source was; of a swap neither node above what the busier one was. Who
// goes home is not moved at all.
bool Changes::worse_than_source(const Change& change) const noexcept {
    const Rank from = board_->guest(change.guest).node;
    const Node& source = board_->node(from);
    const Node& target = board_->node(change.to);
    const Point at_target = board_->shift(change.guest, change.to, 1);
    if (change.with == nobody) {
        return source.counts && change.to != board_->guest(change.guest).home &&
               objective_->level(target, at_target) > objective_->level(source, Point{});
    }
    const Point target_by = sum(at_target, board_->shift(change.with, change.to, -1));
    const Point source_by = sum(board_->shift(change.guest, from, -1), board_->shift(change.with, from, 1));
    return std::max(objective_->level(target, target_by), objective_->level(source, source_by)) >
           std::max(objective_->level(target, Point{}), objective_->level(source, Point{}));
}

// Whether a node takes more than it should by what was expected before: evened out are means of hours, and
// who is filled by these while its load rises is overloaded, and emptied again, a moment later.
bool Changes::overfills(const Change& change) const noexcept {
    const auto too_much = [&](Rank to, Rank comes, Rank goes) {
        const Node& node = board_->node(to);
        for (std::size_t a = 0; a < resource_count; ++a) {
            const double more =
                board_->guest(comes).before[a] - (goes == nobody ? 0 : board_->guest(goes).before[a]);
            if (more > 0 && (node.before[a] + more) * node.per_unit[a] > (*limits_.before_max)[a]) {
                return true;
            }
        }
        return false;
    };
    if (limits_.before_max == nullptr) {
        return false;
    }
    const Rank from = board_->guest(change.guest).node;
    return too_much(change.to, change.guest, change.with) ||
           (change.with != nobody && too_much(from, change.with, change.guest));
}

bool Changes::allowed(const Change& change) const noexcept {
    const Rank from = board_->guest(change.guest).node;
    const int more = migrations_more(change);
    if (more > 0 && migrations_ + static_cast<std::uint32_t>(more) > limits_.migrations_max) {
        return false;
    }
    if (change.with == nobody) {
        return !board_->obstacle(change.guest, change.to) && !worse_than_source(change) && !overfills(change);
    }
    if (board_->obstacle_but_memory(change.guest, change.to, change.with) ||
        board_->obstacle_but_memory(change.with, from, change.guest) || worse_than_source(change) ||
        overfills(change)) {
        return false;
    }
    const std::int64_t there = board_->guest(change.guest).memory_mib;
    const std::int64_t back = board_->guest(change.with).memory_mib;
    const std::int64_t room_there = board_->node(change.to).room_mib;
    const std::int64_t room_here = board_->node(from).room_mib;
    // Placed, not moved: the order of the moves is `Sequence`'s. But room for both must be left in the end.
    return room_there + back >= there && room_here + there >= back;
}

bool Changes::make(const Change& change) noexcept {
    const Rank from = board_->guest(change.guest).node;
    const int more = migrations_more(change);
    const auto exchange = [&](Rank there, Rank back) {
        board_->move(change.guest, there);
        if (change.with != nobody) {
            board_->move(change.with, back);
        }
    };
    exchange(change.to, from);
    if (limits_.keep_spare_host && !board_->survives_largest()) {
        exchange(from, change.to);
        return false;
    }
    migrations_ = static_cast<std::uint32_t>(static_cast<int>(migrations_) + more);
    objective_->follow(*board_);
    return true;
}

}  // namespace ballast::policy::planner
