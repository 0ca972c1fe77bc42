#include "sim/experiments/scoa_load.hpp"

#include <algorithm>
#include <array>

#include "base/assert.hpp"
#include "base/prng.hpp"

namespace ballast::experiments {
namespace {

constexpr std::size_t table_guests = scoa_guests / 2;  // the second half repeats the first

constexpr ScoaGuest guest_of(ScoaPattern pattern, bool cpu, bool net, bool memory) noexcept {
    return {pattern, cpu, net, memory};
}
using enum ScoaPattern;
constexpr std::array<ScoaGuest, table_guests> table{
    guest_of(normal, true, false, false), guest_of(normal, true, false, false),
    guest_of(normal, true, false, false), guest_of(ramp, true, false, false),
    guest_of(steady, true, false, false), guest_of(steady, true, false, false),
    guest_of(normal, false, true, false), guest_of(normal, false, true, false),
    guest_of(ramp, false, true, false),   guest_of(steady, false, true, false),
    guest_of(normal, false, false, true), guest_of(normal, false, false, true),
    guest_of(ramp, false, false, true),   guest_of(steady, false, false, true),
    guest_of(normal, true, true, true),   guest_of(normal, true, true, true),
    guest_of(normal, true, true, false),  guest_of(normal, true, false, true),
};

// Of a host, at the pattern's highest: chosen for the sums over the pool at hour 34.
constexpr double main_load = 0.205;
constexpr double minor_load = 0.035;
constexpr double guest_spread = 0.15;   // guests' heights differ by up to this share, up or down
constexpr double hourly_spread = 0.06;  // and each hour from the pattern

constexpr std::size_t ramp_hours = 4;
constexpr std::size_t ramp_first = 8;    // ramps begin between this hour
constexpr std::size_t ramp_choices = 9;  // and so many later

double around_one(Prng& random, double spread) noexcept {
    return 1 + spread * (2 * random.unit() - 1);
}

}  // namespace

ScoaGuest scoa_guest(std::size_t guest) noexcept {
    BALLAST_ASSERT(guest < scoa_guests);
    return table[guest % table_guests];
}

double scoa_share(ScoaPattern pattern, std::size_t hour_of_day, std::size_t ramp_from) noexcept {
    constexpr double night = 0.35;
    constexpr double flat = 0.75;
    switch (pattern) {
        case steady: return flat;
        case ramp: return hour_of_day >= ramp_from && hour_of_day < ramp_from + ramp_hours ? 1 : night;
        case normal: break;
    }
    // From 7 up to the highest at 14, then down until 21.
    constexpr std::array<double, 24> day{night, night, night, night, night, night, night, 0.45,
                                         0.58,  0.70,  0.80,  0.88,  0.94,  0.98,  1.00,  0.98,
                                         0.94,  0.86,  0.74,  0.60,  0.46,  night, night, night};
    return day[hour_of_day % day.size()];
}

void scoa_loads(std::uint64_t seed, std::span<policy::Amounts> out) noexcept {
    BALLAST_ASSERT(out.size() >= scoa_guests * scoa_hours);
    Prng random{seed};
    for (std::size_t g = 0; g < scoa_guests; ++g) {
        const ScoaGuest guest = scoa_guest(g);
        const double height = around_one(random, guest_spread);
        const std::size_t ramp_from = ramp_first + random.below(ramp_choices);
        for (std::size_t hour = 0; hour < scoa_hours; ++hour) {
            const double share = height * scoa_share(guest.pattern, hour % 24, ramp_from);
            const auto load = [&](bool mainly) {
                return (mainly ? main_load : minor_load) * share * around_one(random, hourly_spread);
            };
            policy::Amounts& at = out[g * scoa_hours + hour];
            at[policy::Resource::cpu] = load(guest.cpu);
            at[policy::Resource::net] = load(guest.net);
            at[policy::Resource::memory] = load(guest.memory);
            at[policy::Resource::disk] = 0;
        }
    }
}

}  // namespace ballast::experiments
