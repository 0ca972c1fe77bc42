#include "policy/planner/descent.hpp"

#include <algorithm>
#include <optional>

namespace ballast::policy::planner {
namespace {

// Guests with a session are worth so much less: they move after all others.
constexpr double session_factor = 1e-6;
// Below this a gain is rounding.
constexpr double gain_min = 1e-12;
// A swap takes two migrations, and is one entry of a plan: between the two it is weighed.
constexpr double swap_weight = 1;
// Rows that are looked at again after every change.
constexpr std::size_t refreshed_rows = 8;

Point plus(const Point& a, const Point& b) noexcept {
    Point sum;
    for (std::size_t i = 0; i < axis_count; ++i) {
        sum[i] = a[i] + b[i];
    }
    return sum;
}

}  // namespace

Descent::Descent(Arena& arena, std::size_t hosts_max) noexcept : rows_{arena.make_array<Row>(hosts_max)} {}

void Descent::begin(Board& board, Objective& objective, const DescentLimits& limits) noexcept {
    board_ = &board;
    objective_ = &objective;
    limits_ = limits;
    evaluations_ = 0;
    migrations_ = 0;
    second_look_ = changed_ = false;
    next_refreshed_ = 0;
    nearest_ = Change{};
    std::fill(rows_.begin(), rows_.end(), Row{});
    for (const Guest& guest : board.guests()) {
        migrations_ += guest.node != guest.home ? 1 : 0;
    }
    objective.follow(board);
}

int Descent::migrations_change(const Change& change) const noexcept {
    const auto away = [&](Rank g, Rank to) {
        const Guest& guest = board_->guest(g);
        return (to == guest.home ? 0 : 1) - (guest.node == guest.home ? 0 : 1);
    };
    return away(change.guest, change.to) +
           (change.with == nobody ? 0 : away(change.with, board_->guest(change.guest).node));
}

double Descent::worth_of_move(Rank g, Rank to, double leave) const noexcept {
    const double enter = objective_->change_at(board_->node(to), board_->shift(g, to, 1));
    const double net = -(leave + enter) - objective_->price(board_->guest(g));
    return board_->guest(g).session && net > 0 ? net * session_factor : net;
}

double Descent::worth(const Change& change) noexcept {
    ++evaluations_;
    const Rank from = board_->guest(change.guest).node;
    Point at_source = board_->shift(change.guest, from, -1);
    Point at_target = board_->shift(change.guest, change.to, 1);
    double price = objective_->price(board_->guest(change.guest));
    bool session = board_->guest(change.guest).session;
    if (change.with != nobody) {
        at_source = plus(at_source, board_->shift(change.with, from, 1));
        at_target = plus(at_target, board_->shift(change.with, change.to, -1));
        price += objective_->price(board_->guest(change.with));
        session = session || board_->guest(change.with).session;
    }
    const double net = -objective_->exact_change(board_->sums(), board_->node(from), at_source,
                                                 board_->node(change.to), at_target) -
                       price;
    const double each = change.with == nobody ? net : net / swap_weight;
    return session && each > 0 ? each * session_factor : each;
}

bool Descent::worse_than_source(const Change& change) const noexcept {
    const Rank from = board_->guest(change.guest).node;
    const Node& source = board_->node(from);
    const Node& target = board_->node(change.to);
    Point at_target = board_->shift(change.guest, change.to, 1);
    if (change.with != nobody) {
        at_target = plus(at_target, board_->shift(change.with, change.to, -1));
    }
    return source.counts && objective_->level(target, at_target) > objective_->level(source, Point{});
}

bool Descent::allowed(const Change& change) const noexcept {
    const Rank from = board_->guest(change.guest).node;
    if (migrations_change(change) > 0 &&
        migrations_ + static_cast<std::uint32_t>(migrations_change(change)) > limits_.migrations_max) {
        return false;
    }
    if (change.with == nobody) {
        return !board_->obstacle(change.guest, change.to) && !worse_than_source(change);
    }
    if (board_->obstacle_but_memory(change.guest, change.to, change.with) ||
        board_->obstacle_but_memory(change.with, from, change.guest) || worse_than_source(change)) {
        return false;
    }
    const std::int64_t there = board_->guest(change.guest).memory_mib;
    const std::int64_t back = board_->guest(change.with).memory_mib;
    const std::int64_t room_there = board_->node(change.to).room_mib;
    const std::int64_t room_here = board_->node(from).room_mib;
    // One of the two goes first: for a moment both are on one side.
    return (room_there >= there && room_here + there >= back) ||
           (room_here >= back && room_there + back >= there);
}

void Descent::scan_swaps(Rank g, Rank other, Change& best) noexcept {
    for (Rank j = board_->node(other).first; j != nobody; j = board_->guest(j).next) {
        if (!may_move(j)) {
            continue;
        }
        Change change{g, other, j};
        change.worth = worth(change);
        if (better(change, best) && allowed(change)) {
            best = change;
        }
    }
}

// The cheapest places for the guest: those that it may go to now, and those regardless, where a swap may
// help.
void Descent::scan_places(Rank g, Nearest& open, Nearest& nearest) noexcept {
    const Guest& guest = board_->guest(g);
    const auto nodes = board_->nodes();
    std::optional<Approach> approach;
    std::uint32_t size = nobody;
    for (Rank to = 0; to < nodes.size(); ++to) {
        const Node& node = nodes[to];
        if (to == guest.node || !node.takes) {
            continue;
        }
        if (node.size != size) {
            size = node.size;
            approach.emplace(objective_->curves(), board_->shift(g, to, 1));
        }
        const double cost = approach->cost(node.at);
        nearest.offer(to, cost);
        if (open.would_take(cost) && allowed({g, to})) {
            open.offer(to, cost);
        }
    }
    evaluations_ += nodes.size();
}

void Descent::scan_guest(Rank g, Change& best) noexcept {
    const Rank from = board_->guest(g).node;
    const double leave = objective_->change_at(board_->node(from), board_->shift(g, from, -1));
    Nearest open;
    Nearest nearest;
    scan_places(g, open, nearest);
    Guest& guest = board_->guests()[g];
    guest.have = open.size() > 0 ? -leave - open.cost(0) : 0;
    for (std::size_t i = 0; i < open.size(); ++i) {
        Change change{g, open[i], nobody};
        change.worth = worth(change);
        best = better(change, best) ? change : best;
    }
    for (std::size_t i = 0; i < nearest.size() && swaps_pay(from); ++i) {
        scan_swaps(g, nearest[i], best);
    }
}

void Descent::scan(Rank n) noexcept {
    Row& row = rows_[n];
    row.best = Change{};
    row.best.worth = gain_min;
    row.fresh = true;
    row.unsure = false;
    if (!gives(n)) {
        return;
    }
    for (Rank g = board_->node(n).first; g != nobody; g = board_->guest(g).next) {
        if (may_move(g)) {
            scan_guest(g, row.best);
        }
    }
}

// Tells the guests of `n` that these two nodes have changed.
void Descent::offer(Rank n, Rank one, Rank other) noexcept {
    Row& row = rows_[n];
    const Node& node = board_->node(n);
    for (Rank g = node.first; gives(n) && g != nobody; g = board_->guest(g).next) {
        if (!may_move(g)) {
            continue;
        }
        const double leave = objective_->change_at(node, board_->shift(g, n, -1));
        for (const Rank to : {one, other}) {
            const Change change{g, to, nobody, worth_of_move(g, to, leave)};
            if (board_->node(to).takes && better(change, row.best) && allowed(change)) {
                row.best = change;
            }
        }
        evaluations_ += 2;
    }
}

// The curves have changed a little: what was best on a node still is, at a new value.
void Descent::reassess() noexcept {
    if (objective_->exact()) {
        return;
    }
    for (Rank n = 0; n < board_->nodes().size(); ++n) {
        Row& row = rows_[n];
        if (row.fresh && row.best.guest != nobody) {
            row.best.worth = worth(row.best);
        }
    }
}

// A few rows a round, in turn: what the curves' changes have made better comes to light again.
void Descent::refresh_some() noexcept {
    const std::size_t count = board_->nodes().size();
    for (std::size_t i = 0; i < std::min(refreshed_rows, count) && !objective_->exact(); ++i) {
        next_refreshed_ = next_refreshed_ + 1 < count ? next_refreshed_ + 1 : 0;
        scan(next_refreshed_);
    }
}

Rank Descent::choose() noexcept {
    while (true) {
        Rank best = nobody;
        for (Rank n = 0; n < board_->nodes().size(); ++n) {
            Row& row = rows_[n];
            if (!row.fresh) {
                scan(n);
            }
            const bool any = row.best.guest != nobody && row.best.worth > gain_min;
            if (any && (best == nobody || better(row.best, rows_[best].best))) {
                best = n;
            }
        }
        if (best == nobody || (!rows_[best].unsure && allowed(rows_[best].best))) {
            return best;
        }
        scan(best);
    }
}

void Descent::update(Rank from, Rank to) noexcept {
    rows_[from].fresh = rows_[to].fresh = false;
    for (Rank n = 0; n < board_->nodes().size(); ++n) {
        if (n == from || n == to || !rows_[n].fresh) {
            continue;
        }
        Row& row = rows_[n];
        if (row.best.guest != nobody && (row.best.to == from || row.best.to == to)) {
            const double before = row.best.worth;
            row.best.worth = worth(row.best);
            row.unsure = row.unsure || row.best.worth < before;
        }
        offer(n, from, to);
    }
}

bool Descent::apply(const Change& change) noexcept {
    const Rank from = board_->guest(change.guest).node;
    const double before = objective_->exact() ? 0 : objective_->of(*board_);
    const double price = objective_->price(board_->guest(change.guest)) +
                         (change.with == nobody ? 0 : objective_->price(board_->guest(change.with)));
    const int migrations = migrations_change(change);
    const auto exchange = [&](Rank there, Rank back) {
        board_->move(change.guest, there);
        if (change.with != nobody) {
            board_->move(change.with, back);
        }
    };
    exchange(change.to, from);
    const bool improved = objective_->exact() || before - objective_->of(*board_) - price > gain_min;
    if (!improved || (limits_.keep_spare_host && !board_->survives_largest())) {
        exchange(from, change.to);
        return false;
    }
    migrations_ = static_cast<std::uint32_t>(static_cast<int>(migrations_) + migrations);
    return true;
}

bool Descent::step(std::uint64_t evaluations) noexcept {
    const std::uint64_t until = evaluations_ + evaluations;
    while (evaluations_ < until) {
        const Rank n = choose();
        if (n == nobody) {
            if (second_look_ && !changed_) {
                return true;
            }
            // What was refused, or got worse, may hide something that has got better meanwhile; and a guest
            // that has a new place may now find one that is better still.
            second_look_ = true;
            changed_ = false;
            for (Row& row : rows_) {
                row.fresh = false;
            }
            continue;
        }
        const Change change = rows_[n].best;
        const Rank from = board_->guest(change.guest).node;
        if (!apply(change)) {
            rows_[n].best = Change{};
            continue;
        }
        changed_ = true;
        objective_->follow(*board_);
        reassess();
        refresh_some();
        update(from, change.to);
    }
    return false;
}

}  // namespace ballast::policy::planner
