// Samples under the rules for data that cannot be (docs/policies.md, "Bad data"): what is no number, negative
// or infinite is replaced by the last good sample before it, by 0 when there is none; what is above the
// ceiling counts as the ceiling.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>

namespace ballast::policy {

// Samples, oldest first; a view. The newest samples of all series of a pool belong to the same instant.
// Without data (a null pointer): missing; of zero length: nothing measured yet. Both count as zero.
//
// Whoever keeps many of them (the controller, of each guest) keeps floats: seven digits are more than any
// counter of a hypervisor has, in half of the memory.
class Series {
  public:
    class Iterator {
      public:
        constexpr Iterator(const Series& series, std::size_t at) noexcept : series_{&series}, at_{at} {}
        constexpr double operator*() const noexcept { return (*series_)[at_]; }
        constexpr Iterator& operator++() noexcept {
            ++at_;
            return *this;
        }
        constexpr bool operator==(const Iterator& other) const noexcept { return at_ == other.at_; }

      private:
        const Series* series_;
        std::size_t at_;
    };

    constexpr Series() noexcept = default;
    constexpr Series(std::span<const double> wide) noexcept  // NOLINT: implicit on purpose
        : wide_{wide.data()}, size_{wide.size()} {}
    constexpr Series(std::span<const float> narrow) noexcept  // NOLINT: implicit on purpose
        : narrow_{narrow.data()}, size_{narrow.size()} {}
    constexpr Series(const double* wide, std::size_t size) noexcept : wide_{wide}, size_{size} {}
    template <class Range>
    requires std::convertible_to<const Range&, std::span<const double>>
    constexpr Series(const Range& wide) noexcept  // NOLINT: implicit on purpose
        : Series{std::span<const double>{wide}} {}

    constexpr bool missing() const noexcept { return wide_ == nullptr && narrow_ == nullptr; }
    constexpr bool empty() const noexcept { return size_ == 0; }
    constexpr std::size_t size() const noexcept { return size_; }
    // REQUIRES: index < size(); count <= size().
    constexpr double operator[](std::size_t index) const noexcept {
        return narrow_ != nullptr ? static_cast<double>(narrow_[index]) : wide_[index];
    }
    constexpr double back() const noexcept { return (*this)[size_ - 1]; }
    constexpr Series subspan(std::size_t first, std::size_t count) const noexcept {
        Series part = *this;
        part.wide_ = wide_ != nullptr ? wide_ + first : nullptr;
        part.narrow_ = narrow_ != nullptr ? narrow_ + first : nullptr;
        part.size_ = count;
        return part;
    }
    // Calls work(samples) with the samples as they lie in memory, whichever type they have.
    template <class Work>
    constexpr auto as_stored(Work work) const noexcept {
        return narrow_ != nullptr ? work(std::span<const float>{narrow_, size_})
                                  : work(std::span<const double>{wide_, size_});
    }
    constexpr Series last(std::size_t count) const noexcept { return subspan(size_ - count, count); }
    constexpr Iterator begin() const noexcept { return {*this, 0}; }
    constexpr Iterator end() const noexcept { return {*this, size_}; }

  private:
    const double* wide_ = nullptr;  // at most one of the two
    const float* narrow_ = nullptr;
    std::size_t size_ = 0;
};

// Two samples as one value: what is done to it is one instruction on any processor, without jumps.
using SamplePair [[gnu::vector_size(2 * sizeof(double))]] = double;
// REQUIRES: at + 1 < samples.size().
template <class Sample>
SamplePair pair_of(std::span<const Sample> samples, std::size_t at) noexcept {
    return SamplePair{static_cast<double>(samples[at]), static_cast<double>(samples[at + 1])};
}

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

// Sum and peak of samples none of which needs a rule: all between 0 and `ceiling`, and no more than
// sample_max. None where one does. Many samples are added in lanes, which need not wait for one another.
struct CleanSum {
    double sum = 0;
    double peak = 0;
};
std::optional<CleanSum> clean_sum(Series samples, double ceiling) noexcept;

// Sum of the last `instants` samples, an instant that the series does not reach counting 0.
double sum_of_last(Series series, std::size_t instants, double ceiling = no_ceiling) noexcept;
// Over the last `window` samples that exist; 0 when there are none.
double mean_of_last(Series series, std::uint32_t window, double ceiling = no_ceiling) noexcept;
double peak_of_last(Series series, std::uint32_t window, double ceiling = no_ceiling) noexcept;
// Sum of the squares of all samples' deviations from `mean`; a sample that cannot be counts nothing.
double squares_about(Series samples, double mean, double ceiling = no_ceiling) noexcept;

}  // namespace ballast::policy
