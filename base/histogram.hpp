// How long things took: counts by upper bound, as Prometheus wants its histograms. The bounds are the same
// for all of them, from what a commit takes to what a migration takes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace ballast {

class Histogram {
  public:
    static constexpr std::array<std::uint64_t, 18> bounds_us{
        500,       1'000,      2'000,      5'000,      10'000,      20'000,
        50'000,    100'000,    200'000,    500'000,    1'000'000,   2'000'000,
        5'000'000, 10'000'000, 30'000'000, 60'000'000, 120'000'000, 600'000'000};

    constexpr void add_us(std::uint64_t took_us) noexcept {
        std::size_t at = 0;
        while (at < bounds_us.size() && took_us > bounds_us[at]) {
            ++at;
        }
        ++counts_[at];
        sum_us_ += took_us;
    }
    constexpr void add_ms(std::uint64_t took_ms) noexcept { add_us(took_ms * 1000); }

    // Of those that took at most bounds_us[i]; all of them for i == bounds_us.size().
    constexpr std::uint64_t up_to(std::size_t i) const noexcept {
        std::uint64_t count = 0;
        for (std::size_t at = 0; at <= i && at < counts_.size(); ++at) {
            count += counts_[at];
        }
        return count;
    }
    constexpr std::uint64_t count() const noexcept { return up_to(bounds_us.size()); }
    constexpr std::uint64_t sum_us() const noexcept { return sum_us_; }

  private:
    std::array<std::uint64_t, bounds_us.size() + 1> counts_{};
    std::uint64_t sum_us_ = 0;
};

}  // namespace ballast
