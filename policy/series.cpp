#include "policy/series.hpp"

#include <algorithm>
#include <array>

namespace ballast::policy {
namespace {

// Fewer are added one after the other, as one would by hand.
constexpr std::size_t samples_for_lanes_min = 16;

// What no rule is needed for. What is no number is neither low nor high, but then the sum is none either.
constexpr std::optional<CleanSum> checked(const CleanSum& found, double lowest, double most) noexcept {
    const bool clean = lowest >= 0 && found.peak <= most && found.sum == found.sum;
    return clean ? std::optional{found} : std::nullopt;
}

template <class Sample>
std::optional<CleanSum> sum_one_by_one(std::span<const Sample> samples, double most) noexcept {
    CleanSum out;
    double lowest = 0;
    for (const Sample sample : samples) {
        const auto value = static_cast<double>(sample);
        out.sum += value;
        out.peak = std::max(out.peak, value);
        lowest = std::min(lowest, value);
    }
    return checked(out, lowest, most);
}

// Four samples side by side: loops short enough for compilers to make single instructions of.
template <class Sample>
struct Lanes {
    static constexpr std::size_t count = 4;
    std::array<double, count> sum{};
    std::array<Sample, count> low{};
    std::array<Sample, count> high{};
    void take(const Sample* samples) noexcept {
        for (std::size_t l = 0; l < count; ++l) {
            sum[l] += static_cast<double>(samples[l]);
        }
        for (std::size_t l = 0; l < count; ++l) {
            low[l] = samples[l] < low[l] ? samples[l] : low[l];
        }
        for (std::size_t l = 0; l < count; ++l) {
            high[l] = samples[l] > high[l] ? samples[l] : high[l];
        }
    }
};

template <class Sample>
std::optional<CleanSum> sum_in_lanes(std::span<const Sample> samples, double most) noexcept {
    Lanes<Sample> lanes;
    std::size_t i = 0;
    for (; i + lanes.count <= samples.size(); i += lanes.count) {
        lanes.take(samples.data() + i);
    }
    for (; i < samples.size(); ++i) {
        lanes.sum[0] += static_cast<double>(samples[i]);
        lanes.low[0] = std::min(lanes.low[0], samples[i]);
        lanes.high[0] = std::max(lanes.high[0], samples[i]);
    }
    // By value: std::max would choose among addresses, and wait for what has just been stored there.
    const auto higher = [](Sample a, Sample b) { return b > a ? b : a; };
    const auto lower = [](Sample a, Sample b) { return b < a ? b : a; };
    const auto [high_0, high_1, high_2, high_3] = lanes.high;
    const auto [low_0, low_1, low_2, low_3] = lanes.low;
    return checked({(lanes.sum[0] + lanes.sum[1]) + (lanes.sum[2] + lanes.sum[3]),
                    static_cast<double>(higher(higher(high_0, high_1), higher(high_2, high_3)))},
                   static_cast<double>(lower(lower(low_0, low_1), lower(low_2, low_3))), most);
}

template <class Sample>
std::optional<CleanSum> clean_sum_of(std::span<const Sample> samples, double most) noexcept {
    return samples.size() < samples_for_lanes_min ? sum_one_by_one(samples, most)
                                                  : sum_in_lanes(samples, most);
}

// In lanes, which need not wait for one another.
template <class Sample>
double squares_about_of(std::span<const Sample> samples, double mean, double ceiling) noexcept {
    constexpr std::size_t lanes = 4;
    const SamplePair most{ceiling, ceiling};
    const SamplePair about{mean, mean};
    const SamplePair none{};
    const SamplePair limit{sample_max, sample_max};
    const auto off = [&](std::size_t at) {
        const SamplePair sample = pair_of(samples, at);
        const SamplePair off_mean = (sample < most ? sample : most) - about;
        return ((sample >= none) & (sample <= limit)) ? off_mean : none;
    };
    SamplePair low{};
    SamplePair high{};
    std::size_t i = 0;
    for (; i + lanes <= samples.size(); i += lanes) {
        const SamplePair a = off(i);
        const SamplePair b = off(i + 2);
        low += a * a;
        high += b * b;
    }
    double first = low[0];
    for (; i < samples.size(); ++i) {
        const auto sample = static_cast<double>(samples[i]);
        const double each = is_good(sample) ? std::min(sample, ceiling) - mean : 0;
        first += each * each;
    }
    return (first + low[1]) + (high[0] + high[1]);
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

double squares_about(Series samples, double mean, double ceiling) noexcept {
    return samples.as_stored([&](auto stored) { return squares_about_of(stored, mean, ceiling); });
}

}  // namespace ballast::policy
