#include "sim/experiments/score.hpp"

#include <algorithm>
#include <cmath>

namespace ballast::experiments {

void LoadMeter::add(std::span<const double> load, double cpu_cores, double seconds) noexcept {
    const auto hosts = static_cast<double>(load.size());
    double sum = 0;
    double lowest = load[0];
    double highest = load[0];
    for (const double cores : load) {
        sum += cores;
        lowest = std::min(lowest, cores);
        highest = std::max(highest, cores);
    }
    const double mean = sum / hosts;
    double squares = 0;
    for (const double cores : load) {
        squares += (cores - mean) * (cores - mean);
        above_80_seconds_ += cores > 0.8 * cpu_cores ? seconds : 0;
        above_90_seconds_ += cores > 0.9 * cpu_cores ? seconds : 0;
        above_100_seconds_ += cores > cpu_cores ? seconds : 0;
        unmet_core_seconds_ += std::max(0.0, cores - cpu_cores) * seconds;
    }
    last_stddev_ = std::sqrt(squares / hosts) / cpu_cores;
    stddev_seconds_ += last_stddev_ * seconds;
    range_seconds_ += (highest - lowest) / cpu_cores * seconds;
    seconds_ += seconds;
}

void LoadMeter::finish(Score& score) const noexcept {
    constexpr double seconds_per_minute = 60;
    constexpr double seconds_per_hour = 3600;
    score.cpu_stddev = seconds_ > 0 ? stddev_seconds_ / seconds_ : 0;
    score.cpu_range = seconds_ > 0 ? range_seconds_ / seconds_ : 0;
    score.host_minutes_80 = above_80_seconds_ / seconds_per_minute;
    score.host_minutes_90 = above_90_seconds_ / seconds_per_minute;
    score.host_minutes_100 = above_100_seconds_ / seconds_per_minute;
    score.unmet_core_hours = unmet_core_seconds_ / seconds_per_hour;
}

std::uint64_t percentile(std::span<std::uint64_t> values, double share) noexcept {
    if (values.empty()) {
        return 0;
    }
    std::sort(values.begin(), values.end());
    const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(values.size())));
    return values[std::clamp<std::size_t>(rank, 1, values.size()) - 1];
}

}  // namespace ballast::experiments
