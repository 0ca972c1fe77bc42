// What the planner minimises: a convex cost of every host's load, summed over the hosts. The standard
// deviation over hosts is no such sum, but near any state it is one, of parabolas whose coefficients follow
// from that state (`deviation_curves`); so one search serves both objectives. docs/planner.md, "The cost".
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

namespace ballast::policy::planner {

// What is balanced. The first four are what load is; the last two are sizes, which only the standard
// deviation weighs: memory given to guests, and their vCPUs over the host's cores.
enum class Axis : std::uint8_t { cpu = 0, net = 1, memory_used = 2, disk = 3, memory_given = 4, vcpus = 5 };
inline constexpr std::size_t axis_count = 6;

// One value for each axis: utilisations, amounts or weights.
using Point = std::array<double, axis_count>;

constexpr Point sum(const Point& a, const Point& b) noexcept {
    Point out;
    for (std::size_t i = 0; i < axis_count; ++i) {
        out[i] = a[i] + b[i];
    }
    return out;
}

// The cost of one host at utilisation u on an axis:
//   linear u + quadratic u^2 + steep max(0, u - knee)^2
struct Curves {
    Point linear{};
    Point quadratic{};
    Point knee{};
    Point steep{};
};

constexpr double above(double value, double knee) noexcept {
    return value > knee ? value - knee : 0;
}

// Of one axis at utilisation u.
constexpr double cost_on(const Curves& curves, std::size_t axis, double u) noexcept {
    const double over = above(u, curves.knee[axis]);
    return u * (curves.linear[axis] + curves.quadratic[axis] * u) + curves.steep[axis] * over * over;
}

// How steeply it rises there.
constexpr double slope_on(const Curves& curves, std::size_t axis, double u) noexcept {
    return curves.linear[axis] + 2 * curves.quadratic[axis] * u +
           2 * curves.steep[axis] * above(u, curves.knee[axis]);
}

// How the cost of a host at `at` changes when its utilisations change by `by`.
inline double change(const Curves& curves, const Point& at, const Point& by) noexcept {
    double sum = 0;
    bool over = false;
    for (std::size_t a = 0; a < axis_count; ++a) {
        sum += by[a] * (curves.linear[a] + curves.quadratic[a] * (2 * at[a] + by[a]));
        over = over || at[a] > curves.knee[a] || at[a] + by[a] > curves.knee[a];
    }
    for (std::size_t a = 0; a < axis_count && over; ++a) {
        const double over_now = above(at[a], curves.knee[a]);
        const double over_then = above(at[a] + by[a], curves.knee[a]);
        sum += curves.steep[a] * (over_then - over_now) * (over_then + over_now);
    }
    return sum;
}

// Sums over the hosts that the standard deviation is taken of.
struct Sums {
    double hosts = 0;
    Point first{};   // of the utilisations
    Point second{};  // of their squares
};

// Population standard deviation from sums over the hosts.
inline double deviation_of(double hosts, double first, double second) noexcept {
    const double mean = first / hosts;
    const double variance = second / hosts - mean * mean;
    return variance > 0 ? std::sqrt(variance) : 0;
}

// Weighted sum of the population standard deviations of each axis over the hosts.
double deviation(const Point& weights, const Sums& sums) noexcept;

// The parabolas that touch `deviation` at these sums: their changes, summed over hosts, are its change to
// first order. An axis without weight costs nothing.
Curves deviation_curves(const Point& weights, const Sums& sums) noexcept;

}  // namespace ballast::policy::planner
