#include "policy/planner/objective.hpp"

namespace ballast::policy::planner {
namespace {

// Cost of the square of a utilisation above the knee, for each 1 of the square below it.
constexpr double steepness = 10;

// hbal's score sums six deviations; the cost of load, squares of four utilisations of which few are high. By
// default the price is 0.24.
constexpr double hbal_price_factor = 120.0 / 7;

constexpr std::size_t index(Axis axis) noexcept {
    return static_cast<std::size_t>(axis);
}

}  // namespace

Objective::Objective(const Parameters& parameters) noexcept
    : kind_{static_cast<ObjectiveKind>(parameters.objective)},
      swap_counts_{double(parameters.swap_counts)},
      price_per_move_{parameters.price_per_move},
      price_per_gib_{parameters.price_per_gib},
      price_per_second_{parameters.price_per_second},
      calm_price_{parameters.calm_price} {
    calm_ = kind_ == ObjectiveKind::load ? 0 : parameters.critical_load;
    if (kind_ == ObjectiveKind::hbal) {
        // hbal's metrics on shared storage: free memory and vCPU ratio weigh 0.5 twice, the four loads 1. It
        // counts moves and not their size. This is what a migration must save for any to be made; how far it
        // then goes is Descent's.
        weights_.fill(1);
        price_per_move_ *= hbal_price_factor;
        price_per_gib_ = price_per_second_ = 0;
        return;
    }
    weights_[index(Axis::cpu)] = parameters.weight_cpu;
    weights_[index(Axis::net)] = parameters.weight_net;
    weights_[index(Axis::memory_used)] = parameters.weight_memory;
    weights_[index(Axis::disk)] = parameters.weight_disk;
    if (kind_ == ObjectiveKind::load) {
        constexpr std::array<std::pair<Axis, Resource>, 4> weighed{{{Axis::cpu, Resource::cpu},
                                                                    {Axis::net, Resource::net},
                                                                    {Axis::memory_used, Resource::memory},
                                                                    {Axis::disk, Resource::disk}}};
        curves_.quadratic = weights_;
        for (const auto& [axis, resource] : weighed) {
            curves_.knee[index(axis)] = planner_threshold(parameters, resource) - knee_below_threshold;
            curves_.steep[index(axis)] = steepness * weights_[index(axis)];
        }
    }
}

void Objective::follow(const Board& board) noexcept {
    if (kind_ != ObjectiveKind::load) {
        // Times the hosts, so that a price per move means the same in a small pool and in a large one.
        Point weights = weights_;
        for (double& weight : weights) {
            weight *= board.sums().hosts;
        }
        curves_ = deviation_curves(weights, board.sums());
        for (std::size_t a = 0; a < axis_count; ++a) {
            spread_[a] = deviation_of(board.sums().hosts, board.sums().first[a], board.sums().second[a]);
        }
    }
}

double Objective::exact_change(const Sums& sums, const Node& one, const Point& by_one, const Node& other,
                               const Point& by_other) const noexcept {
    if (kind_ == ObjectiveKind::load) {
        return change_at(one, by_one) + change_at(other, by_other);
    }
    double total = 0;
    for (std::size_t a = 0; a < axis_count; ++a) {
        double first = sums.first[a];
        double second = sums.second[a];
        if (one.counts) {
            first += by_one[a];
            second += by_one[a] * (2 * one.at[a] + by_one[a]);
        }
        if (other.counts) {
            first += by_other[a];
            second += by_other[a] * (2 * other.at[a] + by_other[a]);
        }
        total += weights_[a] * (deviation_of(sums.hosts, first, second) - spread_[a]);
    }
    return total * sums.hosts;
}

double Objective::of(const Node& node) const noexcept {
    return node.counts ? change(curves_, Point{}, node.at) : 0;
}

double Objective::of(const Board& board) const noexcept {
    if (kind_ != ObjectiveKind::load) {
        return deviation(weights_, board.sums()) * board.sums().hosts;
    }
    double sum = 0;
    for (const Node& node : board.nodes()) {
        sum += of(node);
    }
    return sum;
}

}  // namespace ballast::policy::planner
