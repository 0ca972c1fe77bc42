#include "policy/series.hpp"

namespace ballast::policy {
namespace {

// Fewer are added one after the other, as one would by hand.
constexpr std::size_t samples_for_lanes_min = 32;

struct Lane {
    double sum = 0;
    double low = 0;
    double high = 0;
    void take(double sample) noexcept {
        sum += sample;
        low = std::min(low, sample);
        high = std::max(high, sample);
    }
};

template <class Sample>
std::optional<CleanSum> clean_sum_of(std::span<const Sample> samples, double most) noexcept {
    Lane a;
    Lane b;
    Lane c;
    Lane d;
    std::size_t i = 0;
    if (samples.size() >= samples_for_lanes_min) {
        for (; i + 4 <= samples.size(); i += 4) {
            a.take(static_cast<double>(samples[i]));
            b.take(static_cast<double>(samples[i + 1]));
            c.take(static_cast<double>(samples[i + 2]));
            d.take(static_cast<double>(samples[i + 3]));
        }
    }
    for (; i < samples.size(); ++i) {
        a.take(static_cast<double>(samples[i]));
    }
    const CleanSum out{(a.sum + b.sum) + (c.sum + d.sum),
                       std::max(std::max(a.high, b.high), std::max(c.high, d.high))};
    const double lowest = std::min(std::min(a.low, b.low), std::min(c.low, d.low));
    // What is no number is neither low nor high, but then the sum is none either.
    const bool clean = lowest >= 0 && out.peak <= most && out.sum == out.sum;
    return clean ? std::optional{out} : std::nullopt;
}

}  // namespace

std::optional<CleanSum> clean_sum(Series samples, double ceiling) noexcept {
    const double most = std::min(ceiling, sample_max);
    return samples.as_stored([most](auto stored) { return clean_sum_of(stored, most); });
}

double sum_of_last(Series series, std::size_t instants, double ceiling) noexcept {
    if (const auto clean = clean_sum(series.last(std::min(series.size(), instants)), ceiling)) {
        return clean->sum;
    }
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
