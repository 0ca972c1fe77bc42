// Samples under the rules for data that cannot be (docs/policies.md, "Bad data"): what is no number, negative
// or infinite is replaced by the last good sample before it, by 0 when there is none; what is above the
// ceiling counts as the ceiling.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

namespace ballast::policy {

// Samples, oldest first. The newest samples of all series of a pool belong to the same instant. Without data
// (a null span): missing; of zero length: nothing measured yet. Both count as zero.
using Series = std::span<const double>;

inline constexpr double no_ceiling = std::numeric_limits<double>::infinity();

// Above this no unit makes sense, and sums would lose what is small beside it: as good as infinite.
inline constexpr double sample_max = 1e15;

// False for NaN too.
constexpr bool is_good(double sample) noexcept {
    return sample >= 0 && sample <= sample_max;
}

// Calls `visit(value)` for each of the last `count` samples that exist, oldest first.
template <class Visit>
constexpr void for_each_of_last(Series series, std::size_t count, double ceiling, Visit visit) noexcept {
    std::size_t i = series.size() - std::min(series.size(), count);
    double last_good = 0;
    if (i < series.size() && !is_good(series[i])) {
        for (std::size_t before = i; before-- > 0;) {
            if (is_good(series[before])) {
                last_good = series[before];
                break;
            }
        }
    }
    for (; i < series.size(); ++i) {
        last_good = is_good(series[i]) ? series[i] : last_good;
        visit(std::min(last_good, ceiling));
    }
}

// Sum of the last `instants` samples, an instant that the series does not reach counting 0.
double sum_of_last(Series series, std::size_t instants, double ceiling = no_ceiling) noexcept;
// Over the last `window` samples that exist; 0 when there are none.
double mean_of_last(Series series, std::uint32_t window, double ceiling = no_ceiling) noexcept;
double peak_of_last(Series series, std::uint32_t window, double ceiling = no_ceiling) noexcept;

}  // namespace ballast::policy
