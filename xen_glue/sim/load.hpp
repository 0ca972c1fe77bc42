// What a simulated guest wants of the CPU over time. Pure: a generator is a few numbers that travel with the
// guest, so that a guest goes on with the same curve on the host that it has moved to.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/fixed_vector.hpp"

namespace ballast::sim {

// Loads are permille of all vCPUs of the guest: 1000 keeps every vCPU busy.
inline constexpr std::uint32_t load_full_permille = 1000;

enum class LoadKind : std::uint8_t {
    constant = 0,     // the mean
    random_walk = 1,  // around the mean, drawn back to it; its standard deviation is about the spread
    ramp = 2,         // from low to high within one period, then high
    steps = 3,        // low for half a period, high for the other half
    bursts = 4,       // low; about once a period high for an eighth of it
    schedule = 5,     // straight lines between the points, repeated every period
};
std::string_view to_string(LoadKind kind) noexcept;
std::optional<LoadKind> parse_load_kind(std::string_view text) noexcept;

struct SchedulePoint {
    std::uint32_t at_s = 0;  // within the period; ascending
    std::uint32_t load_permille = 0;
};

// "low" is mean - spread, "high" is mean + spread, both cut to 0..1000.
struct LoadProfile {
    LoadKind kind = LoadKind::random_walk;
    std::uint32_t mean_permille = 200;
    std::uint32_t spread_permille = 50;
    std::uint32_t period_s = 600;
    FixedVector<SchedulePoint, 12> schedule;
};

// A running generator.
struct LoadGenerator {
    LoadProfile profile;
    std::uint64_t random_state = 0;
    std::uint64_t age_ms = 0;  // load time: advances only while the guest executes
    std::uint32_t burst_left_ms = 0;
    std::uint32_t own_permille = 0;   // what the profile says
    std::uint32_t load_permille = 0;  // what the guest wants: the profile's load, or the override
    bool overridden = false;
    std::uint32_t override_permille = 0;
};

LoadGenerator start_load(const LoadProfile& profile, std::uint64_t seed) noexcept;
// Moves on by `step_ms` of load time and sets `load_permille`.
void step_load(LoadGenerator& load, std::uint32_t step_ms) noexcept;
// How dom0 (a test, an operator) takes over a guest's load:
// "burn" (full load), "idle", a number of percent "0".."100", or "auto" (the profile again). False: none of
// these.
bool override_load(LoadGenerator& load, std::string_view word) noexcept;
// Whether every field is within its bounds (profiles come out of files and streams).
bool valid(const LoadProfile& profile) noexcept;

}  // namespace ballast::sim
