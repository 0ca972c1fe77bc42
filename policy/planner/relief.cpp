#include "policy/planner/relief.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "policy/judge.hpp"

namespace ballast::policy::planner {
namespace {

// Of utilisations: what adding them up in another order may change.
constexpr double rounding = 1e-9;

}  // namespace

Relief::Relief(Arena& arena, std::size_t hosts_max, std::size_t vms_max) noexcept
    : order_{arena.make_array<Rank>(std::max(hosts_max, vms_max))},
      guests_{arena.make_array<Rank>(vms_max)} {}

// Whether all of the node's utilisations, changed by `by`, are at most their thresholds less the margin.
bool Relief::cool(Rank n, const Point& by, double margin) const noexcept {
    const Node& node = board_->node(n);
    for (std::size_t a = 0; a < axis_count; ++a) {
        if (node.at[a] + by[a] > limits_.thresholds[a] - margin + load_tolerance) {
            return false;
        }
    }
    return true;
}

// How far above a threshold the node, changed by `by`, is at worst; negative when below all.
double Relief::heat(Rank n, const Point& by) const noexcept {
    double worst = -unlimited;
    for (std::size_t a = 0; a < axis_count; ++a) {
        worst = std::max(worst, board_->node(n).at[a] + by[a] - limits_.thresholds[a]);
    }
    return worst;
}

Rank Relief::best_place(Rank g, bool must_stay_cool) noexcept {
    evaluations_ += 1 + board_->nodes().size() / lane_count;
    Rank best = nobody;
    double least = unlimited;
    board_->for_each_place(objective_->curves(), g, [&](Rank to, double cost) {
        if ((!must_stay_cool || cool(to, board_->shift(g, to, 1), place_margin_)) &&
            !board_->obstacle(g, to)) {
            least = cost;
            best = to;
        }
        return least;
    });
    return best;
}

bool Relief::go(Rank g, Rank to) noexcept {
    const Rank from = board_->guest(g).node;
    const bool leaves_home = from == board_->guest(g).home;
    if (leaves_home && migrations_ >= limits_.migrations_max) {
        return false;
    }
    board_->move(g, to);
    if (limits_.keep_spare_host && board_->node(from).counts && !board_->survives_largest()) {
        board_->move(g, from);
        return false;
    }
    migrations_ += leaves_home ? 1 : 0;
    return true;
}

bool Relief::place(Rank g, bool must_stay_cool) noexcept {
    return place_at(g, best_place(g, must_stay_cool));
}

bool Relief::place_at(Rank g, Rank to) noexcept {
    return (to != nobody && go(g, to)) || (!exhausted() && make_room(g));
}

// Two steps: a smaller guest leaves a host for another, and `g` takes its room.
bool Relief::make_room(Rank g) noexcept {
    const Guest& guest = board_->guest(g);
    for (Rank to = 0; to < board_->nodes().size(); ++to) {
        const Point by = board_->shift(g, to, 1);
        if (to == guest.node || !cool(to, by, place_margin_)) {
            continue;
        }
        const std::int64_t short_mib = guest.memory_mib - board_->node(to).room_mib;
        for (Rank other = board_->node(to).first; other != nobody; other = board_->guest(other).next) {
            const Guest& small = board_->guest(other);
            ++evaluations_;
            if (!small.free || small.node != small.home || small.session || small.memory_mib < short_mib ||
                small.memory_mib >= guest.memory_mib || board_->obstacle_but_memory(g, to, other)) {
                continue;
            }
            const Rank aside = best_place(other, true);
            if (aside == nobody || !go(other, aside)) {
                continue;
            }
            if (!board_->obstacle(g, to) && go(g, to)) {
                board_->guests()[other].gives_way = true;
                return true;
            }
            board_->move(other, to);
            --migrations_;
            return false;  // the list of guests has changed
        }
    }
    return false;
}

void Relief::drain(Board& board, Objective& objective, const ReliefLimits& limits, Plan& out) noexcept {
    board_ = &board;
    objective_ = &objective;
    limits_ = limits;
    place_margin_ = limits.margin;
    migrations_ = 0;
    evaluations_ = 0;
    std::size_t count = 0;
    for (Rank g = 0; g < board.guests().size(); ++g) {
        const Guest& guest = board.guest(g);
        if (guest.node != nobody && board.node(guest.node).leaves) {
            order_[count++] = g;
        }
    }
    const auto leaving = order_.first(count);
    std::sort(leaving.begin(), leaving.end(), [&](Rank a, Rank b) {
        const Guest& left = board.guest(a);
        const Guest& right = board.guest(b);
        if (left.session != right.session) {
            return right.session;
        }
        return left.memory_mib != right.memory_mib ? left.memory_mib > right.memory_mib : a < b;
    });
    for (const Rank g : leaving) {
        objective.follow(board);
        // A host that gets hot is better than one that cannot be serviced.
        if (!board.guest(g).free || !(place(g, true) || place(g, false))) {
            reject(g, out);
        }
    }
}

// Names the rule that came last: of the host that would cost least, or the guest's own.
void Relief::reject(Rank g, Plan& out) noexcept {
    const Guest& guest = board_->guest(g);
    evaluations_ += 1 + board_->nodes().size();
    if (!guest.free) {
        out.reject({guest.vm, no_index, guest.bound_by, guest.have, guest.limit});
        return;
    }
    Rejection nearest{guest.vm, no_index, Constraint::no_destination, 0, 1};
    double least = unlimited;
    for (Rank to = 0; to < board_->nodes().size(); ++to) {
        if (to == guest.node || !board_->node(to).counts) {
            continue;
        }
        const auto why_not = board_->obstacle(g, to);
        if (!board_->node(to).takes) {
            // Said only where no host takes guests at all.
            nearest = nearest.constraint == Constraint::no_destination ? *why_not : nearest;
            continue;
        }
        const Point by = board_->shift(g, to, 1);
        const double cost = objective_->change_at(board_->node(to), by);
        if (cost >= least) {
            continue;
        }
        least = cost;
        if (why_not) {
            nearest = *why_not;
            continue;
        }
        for (std::size_t a = 0; a < resource_count; ++a) {
            const double would_be = board_->node(to).at[a] + by[a];
            const double may_be = limits_.thresholds[a] - limits_.margin;
            if (would_be > may_be) {
                nearest = {guest.vm, board_->node(to).host, destination_constraint(static_cast<Resource>(a)),
                           would_be, may_be};
            }
        }
    }
    out.reject(nearest);
}

void Relief::relieve(Board& board, Objective& objective, const ReliefLimits& limits,
                     std::span<const bool> hot, Plan& out) noexcept {
    board_ = &board;
    objective_ = &objective;
    limits_ = limits;
    migrations_ = 0;
    for (const Guest& guest : board.guests()) {
        migrations_ += guest.node != guest.home ? 1 : 0;
    }
    std::size_t count = 0;
    for (Rank n = 0; n < board.nodes().size(); ++n) {
        if (hot[n]) {
            order_[count++] = n;
        }
    }
    const auto nodes = order_.first(count);
    std::sort(nodes.begin(), nodes.end(), [&](Rank a, Rank b) {
        const double left = heat(a, Point{});
        const double right = heat(b, Point{});
        return left != right ? left > right : a < b;
    });
    solved_ = true;
    for (const Rank n : nodes) {
        objective.follow(board);
        if (!exhausted() && relieve_node(n)) {
            continue;
        }
        solved_ = false;
        for (Rank g = board.node(n).first; g != nobody && !exhausted(); g = board.guest(g).next) {
            reject(g, out);
        }
    }
}

// The node's guests that may leave, those that relieve it most first.
std::size_t Relief::candidates(Rank n, bool sessions) noexcept {
    std::size_t count = 0;
    const auto relief = [&](Rank g) {
        const Point by = board_->shift(g, n, 1);
        double most = 0;
        for (std::size_t a = 0; a < axis_count; ++a) {
            const double excess = board_->node(n).at[a] - limits_.thresholds[a];
            most += excess > 0 ? std::min(1.0, by[a] / excess) : 0;
        }
        return most;
    };
    for (Rank g = board_->node(n).first; g != nobody; g = board_->guest(g).next) {
        if (board_->guest(g).free && (sessions || !board_->guest(g).session)) {
            guests_[count++] = g;
        }
    }
    const auto all = guests_.first(count);
    std::sort(all.begin(), all.end(), [&](Rank a, Rank b) {
        const double left = relief(a);
        const double right = relief(b);
        return left != right ? left > right : a < b;
    });
    return std::min(count, candidates_max);
}

bool Relief::relieve_node(Rank n) noexcept {
    if (limits_.swap_is_one && relieve_by_actions(n)) {
        return true;
    }
    for (const auto& [sessions, margin] : {std::pair{false, limits_.margin}, {false, 0.0}, {true, 0.0}}) {
        place_margin_ = margin;
        const std::span<const Rank> leaving = guests_.first(candidates(n, sessions));
        if (relieve_with(n, leaving, 1) || relieve_with_sets(n, leaving)) {
            return true;
        }
        greedy(n, leaving);
        if (cool(n, Point{}, 0)) {
            return true;
        }
        if (exhausted()) {
            return false;
        }
    }
    return false;
}

// Who has no place alone has none with others either: their leaving makes room on this node only, and
// wherever they go there is less.
bool Relief::relieve_with_sets(Rank n, std::span<const Rank> leaving) noexcept {
    const auto has_place = [&](Rank g) { return best_place(g, true) != nobody; };
    if (std::none_of(leaving.begin(), leaving.end(), has_place)) {
        return false;
    }
    for (std::size_t size = 2; size <= set_max && !exhausted(); ++size) {
        if (relieve_with(n, leaving, size)) {
            return true;
        }
    }
    return false;
}

// Tries the cheapest sets of this size after which the node is cool by the margin, else those after which it
// is cool.
bool Relief::relieve_with(Rank n, std::span<const Rank> leaving, std::size_t size) noexcept {
    for (const double margin : {limits_.margin, 0.0}) {
        set_count_ = 0;
        collect(n, leaving, size, margin);
        for (std::size_t i = 0; i < set_count_; ++i) {
            if (place_set(sets_[i])) {
                return true;
            }
        }
    }
    return false;
}

// Whether the node would be cool if on each axis those left that relieve that axis most. When not, no set of
// this size has to be looked at.
bool Relief::may_cool(Rank n, std::span<const Point> by, std::size_t size, double margin) const noexcept {
    Point most{};
    for (std::size_t a = 0; a < axis_count; ++a) {
        std::array<double, set_max> least{};  // negative, the lowest first
        for (const Point& each : by) {
            double value = each[a];
            for (std::size_t i = 0; i < size; ++i) {
                if (value < least[i]) {
                    std::swap(value, least[i]);
                }
            }
        }
        for (const double each : least) {
            most[a] += each;
        }
    }
    return cool(n, most, margin - rounding);
}

void Relief::collect(Rank n, std::span<const Rank> guests, std::size_t size, double margin) noexcept {
    const std::size_t count = guests.size();
    std::array<std::size_t, set_max> at{};
    for (std::size_t i = 0; i < size; ++i) {
        at[i] = i;
    }
    std::array<Point, candidates_max> leaving;
    for (std::size_t i = 0; i < count; ++i) {
        leaving[i] = board_->shift(guests[i], n, -1);
    }
    evaluations_ += count;
    if (count < size || !may_cool(n, {leaving.data(), count}, size, margin)) {
        return;
    }
    while (!exhausted()) {
        ++evaluations_;
        Point by{};
        for (std::size_t i = 0; i < size; ++i) {
            by = sum(by, leaving[at[i]]);
        }
        if (cool(n, by, margin)) {
            Set set;
            for (std::size_t i = 0; i < size; ++i) {
                set.guests[set.size++] = guests[at[i]];
                set.price += objective_->price(board_->guest(guests[at[i]]));
            }
            set.price += objective_->change_at(board_->node(n), by);
            keep(set);
        }
        std::size_t last = size;  // the next combination
        while (last > 0 && at[last - 1] == count - size + last - 1) {
            --last;
        }
        if (last == 0) {
            return;
        }
        ++at[last - 1];
        for (std::size_t i = last; i < size; ++i) {
            at[i] = at[i - 1] + 1;
        }
    }
}

// Keeps the cheapest sets in order; ties stay in the order in which they were found.
void Relief::keep(const Set& set) noexcept {
    if (set_count_ == sets_max && !(set.price < sets_[set_count_ - 1].price)) {
        return;
    }
    std::size_t at = set_count_ < sets_max ? set_count_++ : set_count_ - 1;
    for (; at > 0 && set.price < sets_[at - 1].price; --at) {
        sets_[at] = sets_[at - 1];
    }
    sets_[at] = set;
}

bool Relief::place_set(const Set& set) noexcept {
    std::array<Rank, set_max> from{};
    for (std::size_t i = 0; i < set.size; ++i) {
        from[i] = board_->guest(set.guests[i]).node;
        const Rank to = best_place(set.guests[i], true);
        if (to != nobody && go(set.guests[i], to)) {
            continue;
        }
        while (i-- > 0) {
            board_->move(set.guests[i], from[i]);
            migrations_ -= from[i] == board_->guest(set.guests[i]).home ? 1 : 0;  // as go() counts
        }
        return false;
    }
    return true;
}

// More than `set_max` guests must leave, or no set finds its places: one after the other, the one that
// relieves most first, as far as it goes. That may not be far enough: so each has to be worth its price, less
// of which counts than of others' since the host is overloaded. Else guests that use next to nothing would
// leave, one after the other, a host that is no cooler without them.
void Relief::greedy(Rank n, std::span<const Rank> leaving) noexcept {
    for (std::size_t i = 0; i < leaving.size() && !exhausted() && !cool(n, Point{}, 0); ++i) {
        const Rank to = best_place(leaving[i], true);
        if (pays(leaving[i], to)) {
            place_at(leaving[i], to);
        }
    }
}

}  // namespace ballast::policy::planner
