// The objective of one round: what a host's load costs, what moving costs, and what both cost together.
#pragma once

#include <cstdint>

#include "policy/planner/board.hpp"
#include "policy/planner/cost.hpp"
#include "policy/policy.hpp"

namespace ballast::policy::planner {

// Guests with a session are worth so much less: they move after all others.
inline constexpr double session_factor = 1e-6;
// Means hide the swings around them: load gets dear so far below the threshold.
inline constexpr double knee_below_threshold = 0.1;

enum class ObjectiveKind : std::uint32_t { load = 0, stddev = 1, hbal = 2 };

class Objective {
  public:
    Objective() noexcept = default;
    explicit Objective(const Parameters& parameters) noexcept;

    // Follows the board: the curves of the deviation change with every move.
    void follow(const Board& board) noexcept;
    const Curves& curves() const noexcept { return curves_; }

    // Cost of a node at these utilisations; of a node that does not count, 0.
    double of(const Node& node) const noexcept;
    double change_at(const Node& node, const Point& by) const noexcept {
        return node.counts ? change(curves_, node.at, by) : 0;
    }
    // The same in squares of utilisations alone, without the knees; nothing of a deviation.
    double squares_change(const Node& node, const Point& by) const noexcept {
        double sum = 0;
        for (std::size_t a = 0; a < axis_count && node.counts; ++a) {
            sum += curves_.quadratic[a] * by[a] * (2 * node.at[a] + by[a]);
        }
        return sum;
    }
    // How loaded the node is, if it changed by `by`: its highest utilisation of a weighed resource. No move
    // may leave its destination above its source. A deviation evens out resources of which none is short:
    // there, what is below `calm` is as good as `calm`.
    double level(const Node& node, const Point& by) const noexcept {
        double level = calm_;
        for (std::size_t a = 0; a < resource_count; ++a) {
            const double u = node.at[a] + by[a];
            level = weights_[a] > 0 && u > level ? u : level;
        }
        return level;
    }
    // Above a threshold: where anybody is relieved, whoever is above may give, however little it is.
    bool overloaded(const Node& node) const noexcept {
        for (std::size_t a = 0; a < axis_count; ++a) {
            if (curves_.steep[a] > 0 && node.at[a] > curves_.knee[a] + knee_below_threshold) {
                return true;
            }
        }
        return false;
    }
    // Of two nodes that change by this much, exactly.
    double exact_change(const Sums& sums, const Node& one, const Point& by_one, const Node& other,
                        const Point& by_other) const noexcept;
    // Of the whole board, exactly: the deviation itself, not its curves.
    double of(const Board& board) const noexcept;
    // What one migration of the guest costs, in the same unit.
    double price(const Guest& guest) const noexcept {
        const double price = price_per_move_ + price_per_gib_ * guest.gib + price_per_second_ * guest.seconds;
        return guest.calm ? calm_price_ * price : price;
    }
    void multiply_prices(double by) noexcept {
        price_per_move_ *= by;
        price_per_gib_ *= by;
        price_per_second_ *= by;
    }
    // How many migrations a swap of two guests counts as.
    double swap_counts() const noexcept { return swap_counts_; }
    bool exact() const noexcept { return kind_ == ObjectiveKind::load; }
    // The cost is to become as low as hbal's rule would make it.
    bool follows_rule() const noexcept { return kind_ == ObjectiveKind::hbal; }
    // What is below this is as good as this, see `level`.
    double calm() const noexcept { return calm_; }

  private:
    ObjectiveKind kind_ = ObjectiveKind::load;
    Point weights_{};
    Curves curves_;
    double calm_ = 0;
    Point spread_{};  // deviation on each axis now
    double swap_counts_ = 2;
    double price_per_move_ = 0;
    double price_per_gib_ = 0;
    double price_per_second_ = 0;
    double calm_price_ = 1;
};

}  // namespace ballast::policy::planner
