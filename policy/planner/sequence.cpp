#include "policy/planner/sequence.hpp"

#include <algorithm>
#include <utility>

namespace ballast::policy::planner {
namespace {

constexpr double nothing_found = -unlimited;

// Moves between the same two nodes stand together, so that swaps are found next to each other.
template <class Pending>
auto pair_of(const Board& board, const Pending& each) noexcept {
    const Rank home = board.guest(each.guest).home;
    return std::pair{std::min(home, each.to), std::max(home, each.to)};
}

}  // namespace

Sequence::Sequence(Arena& arena, std::size_t vms_max) noexcept
    : pending_{arena.make_array<Pending>(vms_max)}, steps_{arena.make_array<Step>(vms_max)} {}

void Sequence::arrange(Board& board, Objective& objective, bool keep_spare_host, std::size_t steps_max,
                       Plan& rejected) noexcept {
    board_ = &board;
    objective_ = &objective;
    keep_spare_host_ = keep_spare_host;
    rejected_ = &rejected;
    steps_.clear();
    send_home();
    while (pending_count_ > 0 && steps_.size() < steps_max && !steps_.full()) {
        objective_->follow(*board_);
        const Candidate best = next();
        if (best.step.guest != nobody) {
            take(best);
        } else if (!make_way()) {
            break;
        }
    }
    give_up();
    objective_->follow(*board_);
}

void Sequence::send_home() noexcept {
    pending_count_ = 0;
    for (Rank g = 0; g < board_->guests().size(); ++g) {
        const Guest& guest = board_->guest(g);
        if (guest.node != guest.home) {
            pending_[pending_count_++] = {g, guest.node};
        }
    }
    const auto pending = pending_.first(pending_count_);
    for (const Pending& each : pending) {
        board_->move(each.guest, board_->guest(each.guest).home);
    }
    std::sort(pending.begin(), pending.end(), [&](const Pending& a, const Pending& b) {
        const auto pair_a = pair_of(*board_, a);
        const auto pair_b = pair_of(*board_, b);
        return pair_a != pair_b ? pair_a < pair_b : a.guest < b.guest;
    });
}

double Sequence::worth(const Step& step) const noexcept {
    const auto by = [&](Rank node, Rank comes, Rank goes) {
        Point change = board_->shift(comes == nobody ? goes : comes, node, comes == nobody ? -1 : 1);
        if (comes != nobody && goes != nobody) {
            change = sum(change, board_->shift(goes, node, -1));
        }
        return objective_->change_at(board_->node(node), change);
    };
    double net = -by(step.from, step.with, step.guest) - by(step.to, step.guest, step.with);
    net -= objective_->price(board_->guest(step.guest));
    if (step.with != nobody) {
        net = (net - objective_->price(board_->guest(step.with))) / objective_->swap_counts();
    }
    const bool session =
        board_->guest(step.guest).session || (step.with != nobody && board_->guest(step.with).session);
    return session && net > 0 ? net * session_factor : net;
}

// No destination may end above what its source was; of a swap neither node above what the busier one was.
bool Sequence::worse_than_source(const Step& step) const noexcept {
    const Node& source = board_->node(step.from);
    const Node& target = board_->node(step.to);
    if (!source.counts || board_->guest(step.guest).gives_way) {
        return false;
    }
    Point at_target = board_->shift(step.guest, step.to, 1);
    if (step.with == nobody) {
        return objective_->level(target, at_target) > objective_->level(source, Point{});
    }
    at_target = sum(at_target, board_->shift(step.with, step.to, -1));
    const Point at_source =
        sum(board_->shift(step.guest, step.from, -1), board_->shift(step.with, step.from, 1));
    return std::max(objective_->level(target, at_target), objective_->level(source, at_source)) >
           std::max(objective_->level(target, Point{}), objective_->level(source, Point{}));
}

bool Sequence::feasible(Step& step) const noexcept {
    if (worse_than_source(step)) {
        return false;
    }
    if (step.with == nobody) {
        return !board_->obstacle(step.guest, step.to);
    }
    if (board_->obstacle_but_memory(step.guest, step.to, step.with) ||
        board_->obstacle_but_memory(step.with, step.from, step.guest)) {
        return false;
    }
    const std::int64_t there = board_->guest(step.guest).memory_mib;
    const std::int64_t back = board_->guest(step.with).memory_mib;
    const std::int64_t room_there = board_->node(step.to).room_mib;
    const std::int64_t room_here = board_->node(step.from).room_mib;
    // Of two guests of one group the one that is there must leave first.
    const bool same_group = board_->guest(step.guest).group != 0 &&
                            board_->guest(step.guest).group == board_->guest(step.with).group;
    if (!same_group && room_there >= there && room_here + there >= back) {
        step.with_first = false;
        return true;
    }
    step.with_first = true;
    return !same_group && room_here >= back && room_there + back >= there;
}

bool Sequence::consider(const Step& step, std::size_t first, std::size_t second, Candidate& best) noexcept {
    Candidate candidate{step, worth(step), first, second};
    if (!(candidate.worth > best.worth) || !feasible(candidate.step)) {
        return false;
    }
    best = candidate;
    return true;
}

// Whether the guest and the one that relief swaps it for still have each other's places to go to.
bool Sequence::waits_for_partner(const Pending& pending) const noexcept {
    const Rank partner = board_->guest(pending.guest).partner;
    if (partner == nobody || board_->guest(partner).node != pending.to) {
        return false;
    }
    const auto all = pending_.first(pending_count_);
    return std::any_of(all.begin(), all.end(), [&](const Pending& each) {
        return each.guest == partner && each.to == board_->guest(pending.guest).node;
    });
}

Sequence::Candidate Sequence::next() noexcept {
    Candidate best;
    best.worth = nothing_found;
    for (std::size_t i = 0; i < pending_count_; ++i) {
        const Pending& each = pending_[i];
        const Rank from = board_->guest(each.guest).node;
        if (!waits_for_partner(each)) {
            consider({each.guest, from, each.to}, i, i, best);
        }
        const auto pair = pair_of(*board_, each);
        for (std::size_t j = i + 1; j < pending_count_ && pair_of(*board_, pending_[j]) == pair; ++j) {
            if (pending_[j].to == from && board_->guest(pending_[j].guest).node == each.to) {
                consider({each.guest, from, each.to, pending_[j].guest}, i, j, best);
            }
        }
    }
    return best;
}

void Sequence::apply(const Step& step) noexcept {
    board_->move(step.guest, step.to);
    if (step.with != nobody) {
        board_->move(step.with, step.from);
    }
}

void Sequence::undo(const Step& step) noexcept {
    board_->move(step.guest, step.from);
    if (step.with != nobody) {
        board_->move(step.with, step.to);
    }
}

// Makes the step part of the plan, unless the largest host's guests would then find no room.
void Sequence::take(const Candidate& candidate) noexcept {
    const auto remove = [&](std::size_t at) {
        std::move(pending_.begin() + std::ptrdiff_t(at) + 1,
                  pending_.begin() + std::ptrdiff_t(pending_count_), pending_.begin() + std::ptrdiff_t(at));
        --pending_count_;
    };
    remove(candidate.second);
    if (candidate.first != candidate.second) {
        remove(candidate.first);
    }
    Step step = candidate.step;
    const Node from_before = board_->node(step.from);
    const Node to_before = board_->node(step.to);
    apply(step);
    if (keep_spare_host_ && !board_->survives_largest()) {
        undo(step);
        rejected_->reject(
            {board_->guest(step.guest).vm, board_->node(step.to).host, Constraint::spare_host, 1, 0});
        return;
    }
    const auto saved = [&](const Node& before, const Node& after) {
        for (std::size_t a = 0; a < axis_count && before.counts; ++a) {
            step.saved[a] += cost_on(objective_->curves(), a, before.at[a]) -
                             cost_on(objective_->curves(), a, after.at[a]);
        }
    };
    saved(from_before, board_->node(step.from));
    saved(to_before, board_->node(step.to));
    step.price = objective_->price(board_->guest(step.guest)) +
                 (step.with == nobody ? 0 : objective_->price(board_->guest(step.with)));
    steps_.push(step);
}

// Nobody can go to its place: the smallest guest that waits goes to a host with room first, if that opens the
// way. It must not be the place of anybody's cool-down: a guest makes two moves in one plan only here.
bool Sequence::make_way() noexcept {
    Step best;
    for (std::size_t i = 0; i < pending_count_; ++i) {
        const Rank g = pending_[i].guest;
        if (best.guest != nobody && board_->guest(g).memory_mib >= board_->guest(best.guest).memory_mib) {
            continue;
        }
        const Rank from = board_->guest(g).node;
        if (from != board_->guest(g).home) {
            continue;  // on its way already
        }
        double least = unlimited;
        for (Rank to = 0; to < board_->nodes().size(); ++to) {
            const double cost =
                to == from ? least : objective_->change_at(board_->node(to), board_->shift(g, to, 1));
            if (cost < least && !board_->obstacle(g, to) && !worse_than_source({g, from, to})) {
                least = cost;
                best = {g, from, to};
            }
        }
    }
    if (best.guest == nobody) {
        return false;
    }
    best.on_the_way = true;
    best.price = objective_->price(board_->guest(best.guest));
    apply(best);
    if (keep_spare_host_ && !board_->survives_largest()) {
        undo(best);
        return false;
    }
    steps_.push(best);
    return true;
}

void Sequence::give_up() noexcept {
    std::int64_t roomiest = 0;
    for (const Node& node : board_->nodes()) {
        roomiest = node.takes ? std::max(roomiest, node.room_mib) : roomiest;
    }
    for (const Pending& each : pending_.first(pending_count_)) {
        const Guest& guest = board_->guest(each.guest);
        rejected_->reject({guest.vm, board_->node(each.to).host, Constraint::no_way,
                           static_cast<double>(guest.memory_mib), static_cast<double>(roomiest)});
    }
    pending_count_ = 0;
}

}  // namespace ballast::policy::planner
