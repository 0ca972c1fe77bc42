// A small deterministic generator (SplitMix64): equal seeds give equal sequences on every machine and
// library.
#pragma once

#include <cstdint>

namespace ballast {

class Prng {
  public:
    constexpr explicit Prng(std::uint64_t seed) noexcept : state_{seed} {}

    constexpr std::uint64_t next() noexcept {
        state_ += 0x9e3779b97f4a7c15ULL;
        std::uint64_t z = state_;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
        return z ^ (z >> 31);
    }
    // Uniform in [0, bound). REQUIRES: bound > 0. The bias is below bound / 2^64.
    constexpr std::uint64_t below(std::uint64_t bound) noexcept { return next() % bound; }
    // Uniform in [0, 1).
    constexpr double unit() noexcept { return static_cast<double>(next() >> 11) * 0x1p-53; }
    constexpr bool chance(double probability) noexcept { return unit() < probability; }

  private:
    std::uint64_t state_;
};

}  // namespace ballast
