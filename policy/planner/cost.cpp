#include "policy/planner/cost.hpp"

#include <algorithm>

namespace ballast::policy::planner {
namespace {

// Below this a deviation counts as none: its derivative has no bound at 0.
constexpr double deviation_min = 1e-9;

}  // namespace

double deviation(const Point& weights, const Sums& sums) noexcept {
    double sum = 0;
    for (std::size_t a = 0; a < axis_count && sums.hosts > 0; ++a) {
        sum += weights[a] * deviation_of(sums.hosts, sums.first[a], sums.second[a]);
    }
    return sum;
}

Curves deviation_curves(const Point& weights, const Sums& sums) noexcept {
    Curves curves;
    curves.knee.fill(std::numeric_limits<double>::infinity());
    for (std::size_t a = 0; a < axis_count && sums.hosts > 0; ++a) {
        const double spread =
            std::max(deviation_min, deviation_of(sums.hosts, sums.first[a], sums.second[a]));
        const double scale = weights[a] / (sums.hosts * spread);
        curves.quadratic[a] = scale / 2;
        curves.linear[a] = -scale * sums.first[a] / sums.hosts;
    }
    return curves;
}

}  // namespace ballast::policy::planner
