#include "policy/series.hpp"

namespace ballast::policy {

double sum_of_last(Series series, std::size_t instants, double ceiling) noexcept {
    double sum = 0;
    for_each_of_last(series, instants, ceiling, [&](double sample) { sum += sample; });
    return sum;
}

double mean_of_last(Series series, std::uint32_t window, double ceiling) noexcept {
    const std::size_t count = std::min<std::size_t>(series.size(), window);
    return count == 0 ? 0 : sum_of_last(series, count, ceiling) / static_cast<double>(count);
}

double peak_of_last(Series series, std::uint32_t window, double ceiling) noexcept {
    double peak = 0;
    for_each_of_last(series, window, ceiling, [&](double sample) { peak = std::max(peak, sample); });
    return peak;
}

}  // namespace ballast::policy
