#include "policy/correlation.hpp"

#include <algorithm>

namespace ballast::policy {
namespace {

// A correlation of fewer samples says nothing.
constexpr std::size_t correlated_samples_min = 3;

struct Products {
    double lagged = 0;
    double squares = 0;
};

// Of samples none of which needs a rule. In two lanes, which need not wait for one another.
template <class Sample>
Products products_of(std::span<const Sample> samples, double mean) noexcept {
    const auto off = [&](std::size_t i) { return static_cast<double>(samples[i]) - mean; };
    Products even;
    Products odd;
    double before = off(0);
    std::size_t i = 1;
    for (; i + 1 < samples.size(); i += 2) {
        const double first = off(i);
        const double second = off(i + 1);
        even.lagged += before * first;
        even.squares += before * before;
        odd.lagged += first * second;
        odd.squares += first * first;
        before = second;
    }
    if (i < samples.size()) {
        even.lagged += before * off(i);
        even.squares += before * before;
    }
    return {even.lagged + odd.lagged, even.squares + odd.squares};
}

// The same with the rules for bad data.
Products ruled_products(Series samples, double ceiling) noexcept {
    const double mean = sum_of_last(samples, samples.size(), ceiling) / static_cast<double>(samples.size());
    Products out;
    double before = 0;
    for_each_of_last(samples, samples.size(), ceiling, [&](double sample) {
        const double off = sample - mean;
        out.lagged += before * off;
        out.squares += before * before;
        before = off;
    });
    return out;
}

}  // namespace

void Correlation::add(Series samples, double ceiling, const std::optional<CleanSum>& clean) noexcept {
    const bool still = clean && clean->peak == 0;
    if (samples.size() < correlated_samples_min || still) {
        return;
    }
    const auto count = static_cast<double>(samples.size());
    const Products own = clean ? samples.as_stored([mean = clean->sum / count](auto stored) {
        return products_of(stored, mean);
    })
                               : ruled_products(samples, ceiling);
    // Of few samples it comes out too low, by about one over their number, for their own mean is taken off.
    lagged_ += own.lagged + own.squares / count;
    squares_ += own.squares;
}

double Correlation::persistence() const noexcept {
    return squares_ > 0 ? std::clamp(lagged_ / squares_, 0.0, 1.0) : 0;
}

}  // namespace ballast::policy
