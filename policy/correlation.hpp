// How much of a deviation from its mean a load keeps from one sample to the next.
#pragma once

#include <optional>

#include "policy/series.hpp"

namespace ballast::policy {

// Of several series together, since a single one's would be mostly noise.
class Correlation {
  public:
    // `clean`: clean_sum(samples, ceiling), which the caller knows already.
    void add(Series samples, double ceiling, const std::optional<CleanSum>& clean) noexcept;
    void add(const Correlation& other) noexcept {
        lagged_ += other.lagged_;
        squares_ += other.squares_;
    }
    // The regression of each sample on the one before it: 0..1; 0 where nothing varies.
    double persistence() const noexcept;

  private:
    double lagged_ = 0;   // sum of the products of neighbours' deviations
    double squares_ = 0;  // sum of the squares of the earlier of them
};

}  // namespace ballast::policy
