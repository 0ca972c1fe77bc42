#include "policy/planner/descent.hpp"

#include <algorithm>

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
// Of the evaluations that are left hbal's rule may take so large a part.
constexpr std::uint64_t rule_share = 4;

}  // namespace

Descent::Descent(Arena& arena, std::size_t hosts_max, std::size_t vms_max) noexcept
    : changes_{arena, vms_max},
      slopes_{arena, hosts_max},
      best_{arena.make_array<Change>(vms_max)},
      order_{arena.make_array<Rank>(vms_max)},
      hopes_{arena, vms_max},
      swaps_{arena, hosts_max, vms_max},
      annealing_{arena, hosts_max, vms_max},
      rule_{arena, hosts_max, Annealing::movers_max(vms_max)} {}

void Descent::begin(Board& board, Objective& objective, const DescentLimits& limits) noexcept {
    board_ = &board;
    objective_ = &objective;
    limits_ = limits;
    changes_.begin(board, objective, limits);
    aim_.begin(changes_);
    if (limits.migrations_max != UINT32_MAX) {
        aim_.price_without_rule();
    }
    objective.follow(board);
    slopes_.begin(board, objective);
    hopes_.begin(changes_, slopes_, best_);
    moves_.begin(changes_, slopes_, hopes_);
    swaps_.begin(changes_, slopes_, hopes_);
    shortened_ = false;
    // The first sweep finds how high the toll has to begin: it makes no changes.
    first_toll_ = no_toll_yet;
    last_looks_ = 0;
    stage_ = Stage::moves;
    cursor_ = 0;
}

// Makes the best changes of the sweep, the best first; each node takes part in one of them, for then what
// else was found for it no longer holds.
std::size_t Descent::make_changes() noexcept {
    std::size_t count = 0;
    for (Rank g = 0; g < board_->guests().size(); ++g) {
        if (!hopes_.none(g) && best_[g].to != nobody && best_[g].worth > gain_min) {
            order_[count++] = g;
        }
    }
    const auto promising = order_.first(count);
    std::sort(promising.begin(), promising.end(), [&](Rank a, Rank b) { return better(best_[a], best_[b]); });
    slopes_.forget_changed();
    std::size_t made = 0;
    for (const Rank g : promising) {
        const Change change = best_[g];
        const Rank from = board_->guest(g).node;
        if (slopes_.changed(from) || slopes_.changed(change.to) || !changes_.gives(from)) {
            continue;
        }
        if (!(changes_.worth(change) > gain_min) || !changes_.allowed(change) || !changes_.make(change)) {
            best_[g] = Change{};
            continue;
        }
        ++made;
        for (const Rank n : {from, change.to}) {
            slopes_.mark_changed(n);
            swaps_.mark_changed(n);
        }
    }
    return made;
}

void Descent::lower_toll() noexcept {
    if (changes_.toll() == 0 && first_toll_ != no_toll_yet) {
        if (aim_.lower_price()) {
            last_looks_ = 0;
            begin_moves();
        } else {
            stage_ = Stage::over;
            aim_.send_home();
        }
        return;
    }
    double toll = changes_.toll();
    if (first_toll_ == no_toll_yet) {
        first_toll_ = toll = moves_.most();
    }
    // Nothing is worth a toll higher than the best without: such heights are skipped.
    toll = std::min(toll, moves_.most()) * toll_ratio;
    const double end =
        std::max({first_toll_ * toll_end, changes_.least_price() * toll_end_of_price, gain_min});
    changes_.set_toll(toll > end ? toll : 0);
    moves_.set_most(0);
    begin_moves();
}

// All moves, and then all swaps.
void Descent::begin_moves() noexcept {
    moves_.look_at_all();
    swaps_.look_at_all();
    stage_ = Stage::moves;
}

void Descent::begin_swaps() noexcept {
    moves_.look_at_all(false);
    swaps_.begin_sweep();
    stage_ = Stage::swaps;
}

// Who in the first sweep is worth no migration at the plain price is worth none at a higher one: where that
// is so of all, and no swap of overloaded nodes is to be looked at, nobody asks whose is higher, and who
// hopes for nothing.
void Descent::prepare_search() noexcept {
    const auto nodes = board_->nodes();
    const auto overloaded = [&](const Node& node) { return objective_->overloaded(node); };
    if (!(moves_.most() > 0) && std::none_of(nodes.begin(), nodes.end(), overloaded)) {
        return;
    }
    if (limits_.calm != nullptr) {
        limits_.calm->mark_all();
        changes_.find_least_price();
    }
    hopes_.find_none();
}

void Descent::end_sweep() noexcept {
    cursor_ = 0;
    if (first_toll_ == no_toll_yet) {
        prepare_search();
        if (begin_annealing()) {
            return;
        }
        lower_toll();
        if (first_toll_ <= 0) {
            begin_swaps();  // no migration is worth anything: it has just been looked at
        }
        return;
    }
    const bool of_moves = stage_ == Stage::moves;
    const bool whole = of_moves ? moves_.whole() : swaps_.whole();
    const auto look_at_all = [&](bool all) { of_moves ? moves_.look_at_all(all) : swaps_.look_at_all(all); };
    if (!of_moves) {
        swaps_.end_sweep();
    }
    const std::size_t made = make_changes();
    slopes_.follow();
    hopes_.follow();
    if (made > 0) {
        look_at_all(false);
        stage_ = Stage::moves;
    } else if (changes_.toll() == 0 && !whole && last_looks_ < last_looks_max) {
        look_at_all(true);  // what the changes of the curves have brought up
        ++last_looks_;
    } else if (of_moves) {
        begin_swaps();
    } else {
        lower_toll();
    }
}

void Descent::scan_next() noexcept {
    if (stage_ == Stage::moves) {
        moves_.scan(cursor_, best_[cursor_]);
    } else {
        swaps_.scan(cursor_, best_[cursor_]);
    }
    do {
        ++cursor_;
    } while (cursor_ < board_->guests().size() && hopes_.none(cursor_));
}

bool Descent::step(std::uint64_t evaluations) noexcept {
    const std::uint64_t until =
        evaluations < UINT64_MAX - this->evaluations() ? this->evaluations() + evaluations : UINT64_MAX;
    while (stage_ != Stage::over && this->evaluations() < until) {
        if (stage_ == Stage::rule) {
            step_rule(until - this->evaluations());
        } else if (stage_ == Stage::annealing) {
            step_annealing(until - this->evaluations());
        } else if (cursor_ < board_->guests().size()) {
            scan_next();
        } else {
            end_sweep();
        }
    }
    return stage_ == Stage::over;
}

// Instead of the tolls. With a bound on the migrations chance would fill it with the first that come.
bool Descent::begin_annealing() noexcept {
    if (objective_->exact() || moves_.most() <= 0 || changes_.least_price() <= 0) {
        return false;
    }
    if (limits_.migrations_max != UINT32_MAX || !anneal()) {
        price_without_rule();
        return false;
    }
    if (objective_->follows_rule()) {
        stage_ = Stage::rule;
        rule_.begin(*board_, *objective_, annealing_.movers());
        rule_evaluations_max_ = evaluations_left() / rule_share;
    }
    return true;
}

std::uint64_t Descent::evaluations_left() const noexcept {
    return limits_.evaluations_max - std::min(limits_.evaluations_max, evaluations());
}

bool Descent::anneal() noexcept {
    if (!annealing_.begin(*board_, *objective_, changes_.settled(), changes_.least_price(),
                          limits_.price_share, evaluations_left() / 2)) {
        return false;
    }
    shortened_ = shortened_ || annealing_.shortened();
    stage_ = Stage::annealing;
    return true;
}

void Descent::step_rule(std::uint64_t evaluations) noexcept {
    const std::uint64_t before = rule_.evaluations();
    const std::uint64_t left = rule_evaluations_max_ - std::min(rule_evaluations_max_, before);
    const bool complete = rule_.step(std::min(evaluations, left));
    changes_.count_evaluations(rule_.evaluations() - before);
    if (complete || rule_.evaluations() >= rule_evaluations_max_) {
        end_rule(complete);
    }
}

// Without time for the rule the price stays what it is.
void Descent::end_rule(bool complete) noexcept {
    const double cost = rule_.cost();
    const std::size_t migrations = rule_.migrations();
    rule_.undo();
    shortened_ = !complete;
    stage_ = Stage::over;
    if (complete && migrations == 0) {
        return;
    }
    if (complete) {
        aim_.follow_rule(cost, migrations);
    } else {
        price_without_rule();
    }
    if (!anneal()) {
        lower_toll();
    }
}

void Descent::price_without_rule() noexcept {
    const double before = changes_.least_price();
    aim_.price_without_rule();
    moves_.set_most(moves_.most() + (before - changes_.least_price()));
}

void Descent::step_annealing(std::uint64_t evaluations) noexcept {
    const std::uint64_t before = annealing_.evaluations();
    const bool cold = annealing_.step(evaluations);
    changes_.count_evaluations(annealing_.evaluations() - before);
    if (cold) {
        end_annealing();
    }
}

void Descent::end_annealing() noexcept {
    if (!annealing_.pays() || (limits_.keep_spare_host && !board_->survives_largest())) {
        annealing_.undo();
        lower_toll();
    } else {
        first_toll_ = moves_.most();
        begin_moves();
    }
    changes_.count_migrations();
    slopes_.follow();
}

void Descent::stop() noexcept {
    if (stage_ == Stage::rule) {
        rule_.undo();
        stage_ = Stage::over;
    } else if (stage_ == Stage::annealing) {
        annealing_.follow();
        end_annealing();
    }
}

}  // namespace ballast::policy::planner
