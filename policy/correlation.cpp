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

// Of samples none of which needs a rule. In lanes, which need not wait for one another.
template <class Sample>
Products products_of(std::span<const Sample> samples, double mean) noexcept {
    constexpr std::size_t lanes = 4;
    const auto off = [&](std::size_t at) { return pair_of(samples, at) - mean; };
    SamplePair lagged{};
    SamplePair lagged_next{};
    SamplePair squares{};
    SamplePair squares_next{};
    std::size_t i = 0;
    for (; i + lanes < samples.size(); i += lanes) {
        const SamplePair first = off(i);
        const SamplePair next = off(i + 2);
        lagged += first * off(i + 1);
        lagged_next += next * off(i + 3);
        squares += first * first;
        squares_next += next * next;
    }
    for (; i + 1 < samples.size(); ++i) {
        const SamplePair last = off(i);
        lagged[0] += last[0] * last[1];
        squares[0] += last[0] * last[0];
    }
    return {(lagged[0] + lagged[1]) + (lagged_next[0] + lagged_next[1]),
            (squares[0] + squares[1]) + (squares_next[0] + squares_next[1])};
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
    // What never changes is off its mean by the mean's rounding alone, always to the same side: no
    // persistence.
    const double rounding = 1e-9 * (clean ? clean->sum : sum_of_last(samples, samples.size(), ceiling));
    if (own.squares * count <= rounding * rounding) {
        return;
    }
    // Of few samples it comes out too low, by about one over their number, for their own mean is taken off.
    lagged_ += own.lagged + own.squares / count;
    squares_ += own.squares;
}

double Correlation::persistence() const noexcept {
    return squares_ > 0 ? std::clamp(lagged_ / squares_, 0.0, 1.0) : 0;
}

}  // namespace ballast::policy
