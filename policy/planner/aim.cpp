// Where deviations are lowered the descent begins with annealing; with hbal's score, at the price at which
// the plan ends where hbal's rule would.
#include <algorithm>

#include "policy/planner/descent.hpp"

namespace ballast::policy::planner {
namespace {

// Of the evaluations that are left hbal's rule may take so large a part.
constexpr std::uint64_t rule_share = 4;
// Of what a migration of the rule saves at the mean, the first price; not more than the preset, below which
// nothing is begun: or a plan that ends where the rule does would be followed by another one.
constexpr double price_of_saved = 0.3;
// Where the cost does not become as low as by the rule, the price is lowered so far, again and again, to no
// less than this share of the preset.
constexpr double cheaper = 0.85;
constexpr double price_share_min = 1.0 / 15;
// A cost so many times as high as where the rule ends is worth going there at any of these prices. Below that
// price_share_without_rule is the least: or the rest of a plan that is planned anew would be made ever
// longer.
constexpr double uneven = 2;
// The price where nobody knows how far the rule would go, likewise: at this one nine plans in ten end there.
constexpr double price_share_without_rule = 0.4;

}  // namespace

// Instead of the tolls. With a bound on the migrations chance would fill it with the first that come.
bool Descent::begin_annealing() noexcept {
    if (objective_->exact() || most_ <= 0 || least_price_ <= 0) {
        return false;
    }
    if (limits_.migrations_max != UINT32_MAX || !anneal()) {
        price_without_rule();
        return false;
    }
    if (objective_->follows_rule()) {
        stage_ = Stage::rule;
        rule_.begin(*board_, *objective_, annealing_.movers());
        rule_evaluations_max_ = left() / rule_share;
    }
    return true;
}

std::uint64_t Descent::left() const noexcept {
    return limits_.evaluations_max - std::min(limits_.evaluations_max, evaluations_);
}

bool Descent::anneal() noexcept {
    if (!annealing_.begin(*board_, *objective_, settled_, least_price_, limits_.price_share, left() / 2)) {
        return false;
    }
    shortened_ = shortened_ || annealing_.shortened();
    stage_ = Stage::annealing;
    return true;
}

// The price is a share of what the rule's migrations save at the mean: at about that price plans end where
// the rule does. Without time for the rule it stays what it is.
void Descent::end_rule(bool complete) noexcept {
    const double reached = rule_.cost();
    const std::size_t migrations = rule_.migrations();
    rule_.undo();
    shortened_ = !complete;
    stage_ = Stage::over;
    if (complete && migrations == 0) {
        return;
    }
    if (!complete) {
        price_without_rule();
    } else {
        target_ = reached;
        const double saved = (objective_->of(*board_) - reached) / static_cast<double>(migrations);
        uneven_ = objective_->of(*board_) > uneven * target_;
        set_price_share(std::max(price_share_without_rule, price_of_saved * saved / least_price_));
    }
    if (!anneal()) {
        lower_toll();
    }
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

void Descent::set_price_share(double share) noexcept {
    const double bounded = std::clamp(share, price_share_min, 1.0);
    objective_->multiply_prices(bounded / preset_share_);
    preset_share_ = bounded;
    find_least_price();
}

void Descent::price_without_rule() noexcept {
    if (objective_->follows_rule()) {
        const double before = least_price_;
        set_price_share(price_share_without_rule);
        most_ += before - least_price_;
    }
}

// At the end of the descent: whether it has to go on because the cost is still too high, at a lower price.
bool Descent::goes_on_cheaper() noexcept {
    if (target_ <= 0 || objective_->of(*board_) <= target_ || preset_share_ <= price_share_min) {
        return false;
    }
    if (!uneven_ && preset_share_ <= price_share_without_rule) {
        return false;
    }
    set_price_share(std::max(uneven_ ? 0.0 : price_share_without_rule, preset_share_ * cheaper));
    whole_ = whole_swaps_ = true;
    last_looks_ = 0;
    stage_ = Stage::moves;
    return true;
}

// The guest whose going home makes the cost least higher, less than `room` anyhow.
Change Descent::least_missed(double room) noexcept {
    Change least;
    for (Rank g = 0; g < board_->guests().size(); ++g) {
        if (!away(g) || !may_move(g)) {
            continue;
        }
        ++evaluations_;
        const Change change{g, board_->guest(g).home, nobody, saving({g, board_->guest(g).home})};
        if (-change.worth < room && (least.to == nobody || better(change, least)) && allowed(change)) {
            least = change;
        }
    }
    return least;
}

// Whoever is not needed for what the cost was to become goes home, unless that is worth a migration to begin
// anew with.
void Descent::send_home() noexcept {
    for (;;) {
        const double room = target_ - objective_->of(*board_);
        const Change change = least_missed(std::min(room, least_price_ / preset_share_));
        if (change.to == nobody || !apply(change)) {
            return;
        }
        set_price_share(preset_share_ * std::max(1.0, -change.worth / least_price_));
    }
}

void Descent::end_annealing() noexcept {
    if (!annealing_.pays() || (limits_.keep_spare_host && !board_->survives_largest())) {
        annealing_.undo();
        lower_toll();
    } else {
        first_toll_ = most_;
        whole_ = whole_swaps_ = true;
        stage_ = Stage::moves;
    }
    migrations_ = 0;
    for (Rank g = 0; g < board_->guests().size(); ++g) {
        migrations_ += away(g) ? 1 : 0;
    }
    find_floors();
    find_tangents();
}

}  // namespace ballast::policy::planner
