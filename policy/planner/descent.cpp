#include "policy/planner/descent.hpp"

#include <algorithm>
#include <limits>

namespace ballast::policy::planner {
namespace {

// Below this a gain is rounding.
constexpr double gain_min = 1e-12;
// From one toll to the next; lower is quicker, higher finds a little more.
constexpr double toll_ratio = 0.75;
// A toll below these shares of the first, or of the lowest price, is as good as none.
constexpr double toll_end = 0.02;
constexpr double toll_end_of_price = 0.1;
// Without a toll everything is looked at again when nothing more is found, at most so many times.
constexpr std::uint32_t last_looks_max = 4;
constexpr double unlimited = std::numeric_limits<double>::infinity();
// Guests away from home that are looked at side by side; a plan of more migrations takes more time.
constexpr std::size_t partners_max = 4096;

constexpr std::size_t groups_of(std::size_t count) noexcept {
    return (count + lane_count - 1) / lane_count;
}

}  // namespace

Descent::Descent(Arena& arena, std::size_t hosts_max, std::size_t vms_max) noexcept
    : best_{arena.make_array<Change>(vms_max)},
      settled_{arena.make_array<bool>(vms_max)},
      hopeless_{arena.make_array<bool>(vms_max)},
      order_{arena.make_array<Rank>(vms_max)},
      away_{arena.make_array<Rank>(vms_max)},
      partner_lanes_{arena.make_array<PartnerGroup>(groups_of(std::min(vms_max, partners_max)))},
      touched_{arena.make_array<bool>(hosts_max)},
      unswapped_{arena.make_array<bool>(hosts_max)},
      recent_{arena.make_array<Rank>(hosts_max)},
      tangents_{arena.make_array<Tangent>(hosts_max)},
      tangent_lanes_{arena.make_array<TangentGroup>(groups_of(hosts_max))},
      recent_lanes_{arena.make_array<TangentGroup>(groups_of(hosts_max))},
      floors_from_{arena.make_array<Point>(groups_of(hosts_max))},
      annealing_{arena, hosts_max, vms_max},
      rule_{arena, hosts_max, Annealing::movers_max(vms_max)} {}

void Descent::begin(Board& board, Objective& objective, const DescentLimits& limits) noexcept {
    board_ = &board;
    objective_ = &objective;
    limits_ = limits;
    evaluations_ = 0;
    shortened_ = false;
    target_ = 0;
    preset_share_ = 1;
    migrations_ = 0;
    find_least_price();
    if (limits.migrations_max != UINT32_MAX) {
        price_without_rule();
    }
    for (Rank g = 0; g < board.guests().size(); ++g) {
        settled_[g] = away(g);
        hopeless_[g] = false;
        migrations_ += away(g) ? 1 : 0;
    }
    hopeless_floors_.fill(-unlimited);
    std::fill(touched_.begin(), touched_.end(), false);
    std::fill(unswapped_.begin(), unswapped_.end(), false);
    recent_.clear();
    // The first sweep finds how high the toll has to begin: it makes no changes.
    first_toll_ = unlimited;
    toll_ = 0;
    stage_ = Stage::moves;
    cursor_ = 0;
    whole_ = whole_swaps_ = true;
    most_ = 0;
    last_looks_ = 0;
    away_.clear();
    away_unswapped_ = 0;
    objective.follow(board);
    find_floors();
    find_tangents();
}

void Descent::find_least_price() noexcept {
    least_price_ = unlimited;
    for (const Guest& guest : board_->guests()) {
        least_price_ = std::min(least_price_, price_of(guest));
    }
}

// The board and the curves are as they were at the end of the last sweep until the next one ends.
void Descent::find_tangents() noexcept {
    for (Rank n = 0; n < board_->nodes().size(); ++n) {
        tangents_[n] = tangent_of(objective_->curves(), board_->node(n));
        tangent_lanes_[n / lane_count].set(n % lane_count, tangents_[n]);
    }
    for (std::size_t i = 0; i < recent_.size(); ++i) {
        recent_lanes_[i / lane_count].set(i % lane_count, tangents_[recent_[i]]);
    }
}

// The nodes that no rule forbids and to which it costs least to come, by the curves; less than `cost_max`.
Nearest Descent::nearest_places(Rank g, double cost_max) const noexcept {
    Nearest open;
    const auto offer = [&](Rank to, double cost) {
        if (allowed({g, to})) {
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
        rises(tangent_lanes_[first / lane_count], board_->guest(g).amount, costs);
        for (Rank to = first; to < nodes.size() && to < first + lane_count; ++to) {
            if (costs[to - first] < open.bound() && to != from && nodes[to].takes) {
                offer(to, costs[to - first]);
            }
        }
    }
    return open;
}

// Returns what the best move is worth, though it be less than `best`; of those to nodes below `cost_max`.
double Descent::scan_places(Rank g, double cost_max, Change& best) noexcept {
    const Nearest open = nearest_places(g, cost_max);
    evaluations_ += board_->nodes().size();
    double found = -unlimited;
    const auto consider = [&](Rank to) {
        Change change{g, to, nobody, 0};
        change.worth = worth(change);
        found = std::max(found, change.worth);
        best = better(change, best) ? change : best;
    };
    for (std::size_t i = 0; i < open.size(); ++i) {
        consider(open[i]);
    }
    const Rank home = board_->guest(g).home;
    if (away(g) && allowed({g, home})) {
        consider(home);
    }
    return found;
}

// Of the places only those that changed at the end of the last sweep.
void Descent::scan_touched(Rank g, double leave, Change& best) noexcept {
    const Guest& guest = board_->guest(g);
    const double doubt = objective_->exact() ? 0 : doubt_share * (price_of(guest) + toll_);
    const double price_home = price_change({g, guest.home});
    const double price_elsewhere = price_change({g, nobody});
    Lanes costs{};
    for (std::size_t i = 0; i < recent_.size(); ++i) {
        const Rank to = recent_[i];
        if (i % lane_count == 0 && !objective_->exact()) {
            rises(recent_lanes_[i / lane_count], guest.amount, costs);
        }
        if (to == guest.node || !board_->node(to).takes) {
            continue;
        }
        const double cost = objective_->exact()
                                ? objective_->change_at(board_->node(to), board_->shift(g, to, 1))
                                : costs[i % lane_count];
        Change change{g, to, nobody, 0};
        change.worth = -leave - cost - (to == guest.home ? price_home : price_elsewhere) + doubt;
        if (change.worth > best.worth && allowed(change)) {
            change.worth = worth(change);
            best = better(change, best) ? change : best;
        }
    }
    evaluations_ += recent_.size();
}

// Finds the guest's best move; one that is worth nothing need not be the best.
void Descent::scan_moves(Rank g) noexcept {
    Change& best = best_[g];
    ++evaluations_;
    const Rank from = board_->guest(g).node;
    if (!may_move(g) || !gives(from)) {
        best = Change{};
        return;
    }
    const bool stale =
        whole_ || touched_[from] || best.with != nobody || (best.to != nobody && touched_[best.to]);
    if (stale) {
        best = Change{};
    }
    const Point& floors = stale ? floors_ : recent_floors_;
    const double at_most = most_hoped(g, floors);
    const bool taller = whole_ && !away(g) && at_most + toll_ > most_;
    if (at_most <= best.worth && !taller) {
        return;
    }
    const double leave = objective_->change_at(board_->node(from), board_->shift(g, from, -1));
    double hoped = hope(g, leave, floors);
    if (hoped > best.worth && limits_.calm != nullptr && limits_.calm->mark(from)) {
        hoped = hope(g, leave, floors_);  // all is stale
    }
    double found = hoped;
    if (hoped > best.worth && stale) {
        found = scan_places(g, most_cost(g, leave), best);
    } else if (hoped > best.worth) {
        scan_touched(g, leave, best);
    }
    if (whole_ && !away(g)) {
        most_ = std::max(most_, found + toll_);
    }
}

// Makes the best changes of the sweep, the best first; each node takes part in one of them, for then what
// else was found for it no longer holds.
std::size_t Descent::make_changes() noexcept {
    std::size_t count = 0;
    for (Rank g = 0; g < board_->guests().size(); ++g) {
        if (!hopeless_[g] && best_[g].to != nobody && best_[g].worth > gain_min) {
            order_[count++] = g;
        }
    }
    const auto promising = order_.first(count);
    std::sort(promising.begin(), promising.end(), [&](Rank a, Rank b) { return better(best_[a], best_[b]); });
    for (const Rank n : recent_.items()) {
        touched_[n] = false;
    }
    recent_.clear();
    std::size_t made = 0;
    for (const Rank g : promising) {
        const Change change = best_[g];
        const Rank from = board_->guest(g).node;
        if (touched_[from] || touched_[change.to] || !gives(from)) {
            continue;
        }
        if (!(worth(change) > gain_min) || !allowed(change) || !apply(change)) {
            best_[g] = Change{};
            continue;
        }
        ++made;
        for (const Rank n : {from, change.to}) {
            touched_[n] = unswapped_[n] = true;
            recent_.push(n);
        }
    }
    return made;
}

bool Descent::apply(const Change& change) noexcept {
    const Rank from = board_->guest(change.guest).node;
    const int migrations = migrations_change(change);
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
    migrations_ = static_cast<std::uint32_t>(static_cast<int>(migrations_) + migrations);
    objective_->follow(*board_);
    return true;
}

void Descent::lower_toll() noexcept {
    if (toll_ == 0 && first_toll_ != unlimited) {
        stage_ = Stage::over;
        if (!goes_on_cheaper() && target_ > 0) {
            send_home();
        }
        return;
    }
    if (first_toll_ == unlimited) {
        first_toll_ = toll_ = most_;
    }
    // Nothing is worth a toll higher than the best without: such heights are skipped.
    toll_ = std::min(toll_, most_) * toll_ratio;
    const double end = std::max({first_toll_ * toll_end, least_price_ * toll_end_of_price, gain_min});
    toll_ = toll_ > end ? toll_ : 0;
    whole_ = whole_swaps_ = true;
    most_ = 0;
    stage_ = Stage::moves;
}

void Descent::begin_swaps() noexcept {
    stage_ = Stage::swaps;
    away_.clear();
    for (const bool first : {true, false}) {
        for (Rank g = 0; g < board_->guests().size(); ++g) {
            if (!hopeless_[g] && away(g) && may_move(g) && unswapped_[board_->guest(g).node] == first) {
                away_.push(g);
            }
        }
        away_unswapped_ = first ? away_.size() : away_unswapped_;
    }
    show_partners();
}

// Who in the first sweep is worth no migration at the plain price is worth none at a higher one: where that
// is so of all, and no swap of overloaded nodes is to be looked at, nobody asks whose is higher, and who
// hopes for nothing.
void Descent::prepare_search() noexcept {
    const auto nodes = board_->nodes();
    const auto overloaded = [&](const Node& node) { return objective_->overloaded(node); };
    if (!(most_ > 0) && std::none_of(nodes.begin(), nodes.end(), overloaded)) {
        return;
    }
    if (limits_.calm != nullptr) {
        limits_.calm->mark_all();
        find_least_price();
    }
    find_hopeless();
}

void Descent::end_sweep() noexcept {
    cursor_ = 0;
    if (first_toll_ == unlimited) {
        prepare_search();
        if (begin_annealing()) {
            return;
        }
        lower_toll();
        if (first_toll_ <= 0) {
            whole_ = false;  // no migration is worth anything: it has just been looked at
            begin_swaps();
        }
        return;
    }
    bool& whole = stage_ == Stage::moves ? whole_ : whole_swaps_;
    if (stage_ == Stage::swaps) {
        std::fill(unswapped_.begin(), unswapped_.end(), false);
    }
    const std::size_t made = make_changes();
    find_floors();
    find_tangents();
    follow_hopes();
    if (made > 0) {
        whole = false;
        stage_ = Stage::moves;
    } else if (toll_ == 0 && !whole && last_looks_ < last_looks_max) {
        whole = true;  // what the changes of the curves have brought up
        ++last_looks_;
    } else if (stage_ == Stage::moves) {
        whole = false;
        begin_swaps();
    } else {
        lower_toll();
    }
}

void Descent::scan_next() noexcept {
    if (stage_ == Stage::moves) {
        scan_moves(cursor_);
    } else {
        scan_swaps(cursor_);
    }
    do {
        ++cursor_;
    } while (cursor_ < board_->guests().size() && hopeless_[cursor_]);
}

bool Descent::step(std::uint64_t evaluations) noexcept {
    const std::uint64_t until =
        evaluations < UINT64_MAX - evaluations_ ? evaluations_ + evaluations : UINT64_MAX;
    while (stage_ != Stage::over && evaluations_ < until) {
        if (stage_ == Stage::rule) {
            const std::uint64_t before = rule_.evaluations();
            const bool complete = rule_.step(std::min(
                until - evaluations_, rule_evaluations_max_ - std::min(rule_evaluations_max_, before)));
            evaluations_ += rule_.evaluations() - before;
            if (complete || rule_.evaluations() >= rule_evaluations_max_) {
                end_rule(complete);
            }
        } else if (stage_ == Stage::annealing) {
            const std::uint64_t before = annealing_.evaluations();
            const bool cold = annealing_.step(until - evaluations_);
            evaluations_ += annealing_.evaluations() - before;
            if (cold) {
                end_annealing();
            }
        } else if (cursor_ < board_->guests().size()) {
            scan_next();
        } else {
            end_sweep();
        }
    }
    return stage_ == Stage::over;
}

}  // namespace ballast::policy::planner
