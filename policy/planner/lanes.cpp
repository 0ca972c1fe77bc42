#include "policy/planner/lanes.hpp"

namespace ballast::policy::planner {
namespace {

// A choice between two values that are both there: compilers make it without a jump.
constexpr double positive(double value) noexcept {
    return value > 0 ? value : 0;
}

}  // namespace

bool Coming::costs(const NodeGroup& group, double bound, Lanes& out) const noexcept {
    Lanes sum{};  // of this function alone: what nothing else can point to is kept in wide registers
    for (std::size_t i = 0; i < count_; ++i) {
        const std::size_t a = axes_[i];
        const double amount = amount_[a];
        const double linear = curves_.linear[a];
        const double quadratic = curves_.quadratic[a];
        for (std::size_t n = 0; n < lane_count; ++n) {
            const double by = amount * group.per_unit[a][n];
            sum[n] += by * (linear + quadratic * (2 * group.at[a][n] + by));
        }
    }
    const auto low = [](const Lanes& each) {
        double least = each[0];
        for (const double value : each) {
            least = value < least ? value : least;
        }
        return least;
    };
    if (!(low(sum) < bound)) {
        return false;
    }
    out = sum;
    if (bent_) {
        add_steep(group, out);
    }
    return true;
}

void Coming::add_steep(const NodeGroup& group, Lanes& out) const noexcept {
    Lanes sum{};
    for (std::size_t i = 0; i < count_; ++i) {
        const std::size_t a = axes_[i];
        const double amount = amount_[a];
        const double knee = curves_.knee[a];
        const double steep = curves_.steep[a];
        for (std::size_t n = 0; n < lane_count; ++n) {
            const double now = group.at[a][n] - knee;
            const double over_now = positive(now);
            const double over_then = positive(now + amount * group.per_unit[a][n]);
            sum[n] += steep * (over_then - over_now) * (over_then + over_now);
        }
    }
    for (std::size_t n = 0; n < lane_count; ++n) {
        out[n] += sum[n];
    }
}

}  // namespace ballast::policy::planner
