// Mean and spread of a figure over seeds.
#pragma once

#include <algorithm>
#include <cmath>
#include <string>

#include "cli/offline/report.hpp"

namespace ballast::cli::offline {

class Statistics {
  public:
    void add(double value) {
        count_ += 1;
        sum_ += value;
        squares_ += value * value;
    }
    double mean() const { return count_ > 0 ? sum_ / count_ : 0; }
    // Standard deviation of a sample; 0 of fewer than two.
    double stddev() const {
        return count_ < 2 ? 0 : std::sqrt(std::max(0.0, squares_ - sum_ * mean()) / (count_ - 1));
    }
    // "46.2 ± 5.1"
    std::string text(int places = 1) const {
        return decimals(mean(), places) + " ± " + decimals(stddev(), places);
    }

  private:
    double count_ = 0;
    double sum_ = 0;
    double squares_ = 0;
};

}  // namespace ballast::cli::offline
