#include "policy/planner/aim.hpp"

#include <algorithm>

namespace ballast::policy::planner {
namespace {

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

void Aim::begin(Changes& changes) noexcept {
    changes_ = &changes;
    target_ = 0;
    uneven_ = false;
    price_share_ = 1;
}

// The price is a share of what the rule's migrations save at the mean: at about that price plans end where
// the rule does.
void Aim::follow_rule(double cost, std::size_t migrations) noexcept {
    const double before = changes_->objective().of(changes_->board());
    const double saved = (before - cost) / static_cast<double>(migrations);
    target_ = cost;
    uneven_ = before > uneven * cost;
    set_price_share(std::max(price_share_without_rule, price_of_saved * saved / changes_->least_price()));
}

void Aim::set_price_share(double share) noexcept {
    const double bounded = std::clamp(share, price_share_min, 1.0);
    changes_->objective().multiply_prices(bounded / price_share_);
    price_share_ = bounded;
    changes_->find_least_price();
}

void Aim::price_without_rule() noexcept {
    if (changes_->objective().follows_rule()) {
        set_price_share(price_share_without_rule);
    }
}

bool Aim::lower_price() noexcept {
    const double least = uneven_ ? price_share_min : price_share_without_rule;
    if (target_ <= 0 || changes_->objective().of(changes_->board()) <= target_ || price_share_ <= least) {
        return false;
    }
    set_price_share(std::max(least, price_share_ * cheaper));
    return true;
}

// The guest whose going home makes the cost least higher, less than `room` anyhow.
Change Aim::least_missed(double room) noexcept {
    const Board& board = changes_->board();
    Change least;
    for (Rank g = 0; g < board.guests().size(); ++g) {
        if (!changes_->away(g) || !changes_->may_move(g)) {
            continue;
        }
        changes_->count_evaluations(1);
        Change change{g, board.guest(g).home, nobody, 0};
        change.worth = changes_->saving(change);
        if (-change.worth < room && (least.to == nobody || better(change, least)) &&
            changes_->allowed(change)) {
            least = change;
        }
    }
    return least;
}

void Aim::send_home() noexcept {
    while (target_ > 0) {
        const double room = target_ - changes_->objective().of(changes_->board());
        const Change change = least_missed(std::min(room, changes_->least_price() / price_share_));
        if (change.to == nobody || !changes_->make(change)) {
            return;
        }
        set_price_share(price_share_ * std::max(1.0, -change.worth / changes_->least_price()));
    }
}

}  // namespace ballast::policy::planner
