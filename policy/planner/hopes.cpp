#include "policy/planner/hopes.hpp"

#include <algorithm>

namespace ballast::policy::planner {

void Hopes::begin(const Changes& changes, const Slopes& slopes, std::span<Change> best) noexcept {
    changes_ = &changes;
    slopes_ = &slopes;
    best_ = best;
    std::fill(none_.begin(), none_.end(), false);
    floors_.fill(-unlimited);
}

// Who is away gets the price of his migration back when he goes home.
double Hopes::less_prices(Rank g, double saved) const noexcept {
    const double plain = changes_->price(changes_->board().guest(g));
    const double price = plain + changes_->toll();
    const double doubt = changes_->objective().exact() ? 0 : doubt_share * price;
    return saved + doubt - trifle * plain + (changes_->away(g) ? price : -price);
}

double Hopes::of(Rank g, double leave, const Point& floors) const noexcept {
    const Guest& guest = changes_->board().guest(g);
    double least = leave;
    for (std::size_t a = 0; a < axis_count; ++a) {
        least += guest.amount[a] * floors[a];
    }
    return less_prices(g, -least);
}

// By the tangents of the guest's node: without prices, no move to nodes with these floors saves more.
double Hopes::most_saved(Rank g, const Point& floors) const noexcept {
    const Guest& guest = changes_->board().guest(g);
    const Tangent& here = slopes_->at(guest.node);
    double most = 0;
    for (std::size_t a = 0; a < axis_count; ++a) {
        most += guest.amount[a] * (here.slope[a] - guest.amount[a] * here.bend[a] - floors[a]);
    }
    return most;
}

double Hopes::at_most(Rank g, const Point& floors) const noexcept {
    const double price = changes_->price(changes_->board().guest(g)) + changes_->toll();
    return less_prices(g, most_saved(g, floors)) + rounding_share * price;
}

bool Hopes::has_none(Rank g) const noexcept {
    const Board& board = changes_->board();
    const Guest& guest = board.guest(g);
    if (guest.node == nobody) {
        return true;
    }
    if (changes_->away(g) || changes_->objective().overloaded(board.node(guest.node))) {
        return false;
    }
    return !guest.free || !changes_->gives(guest.node) ||
           most_saved(g, floors_) <= (1 - rounding_share) * changes_->price(guest);
}

void Hopes::look_at(Rank g) noexcept {
    none_[g] = has_none(g);
    if (none_[g]) {
        best_[g] = Change{};
    }
}

void Hopes::find_none() noexcept {
    floors_ = slopes_->floors();
    for (Rank g = 0; g < changes_->board().guests().size() && changes_->objective().exact(); ++g) {
        look_at(g);
    }
}

void Hopes::follow() noexcept {
    if (!changes_->objective().exact()) {
        return;
    }
    const Point& now = slopes_->floors();
    bool lower = false;
    for (std::size_t a = 0; a < axis_count; ++a) {
        lower = lower || now[a] < floors_[a];
    }
    if (lower) {
        find_none();
        return;
    }
    const Board& board = changes_->board();
    for (const Rank n : slopes_->changed()) {
        for (Rank g = board.node(n).first; g != nobody; g = board.guest(g).next) {
            look_at(g);
        }
    }
}

}  // namespace ballast::policy::planner
