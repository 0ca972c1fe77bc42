// The load of the SCOA paper's experiment ("Dynamic Relocation of Virtual Machines for Load Balancing in
// Virtualization Environment", J. KIISE 35(12), 2008, section on the experiment): 36 guests by the paper's
// table of patterns. The paper gives the patterns' shapes in words only; heights are chosen so that the pool
// carries what the paper shows for hour 34 (docs/experiments.md).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "policy/resource.hpp"

namespace ballast::experiments {

inline constexpr std::size_t scoa_guests = 36;
inline constexpr std::size_t scoa_hosts = 6;
inline constexpr std::size_t scoa_hours = 72;

// How a guest's load goes over the day.
enum class ScoaPattern : std::uint8_t {
    normal,  // rises gradually through working hours, falls in the evening
    ramp,    // jumps in one period of the day
    steady,  // flat
};

struct ScoaGuest {
    ScoaPattern pattern = ScoaPattern::normal;
    bool cpu = false;  // which resources it loads mainly
    bool net = false;
    bool memory = false;
};
// The paper's table. REQUIRES: guest < scoa_guests.
ScoaGuest scoa_guest(std::size_t guest) noexcept;

// Share of its highest load at an hour of the day, 0..1. `ramp_from`: the hour at which the ramp jumps.
double scoa_share(ScoaPattern pattern, std::size_t hour_of_day, std::size_t ramp_from) noexcept;

// Utilisation (0..1 of a host, disk 0) of every guest at every hour, [guest * scoa_hours + hour]. The same
// seed gives the same loads. REQUIRES: room for scoa_guests * scoa_hours.
void scoa_loads(std::uint64_t seed, std::span<policy::Amounts> out) noexcept;

}  // namespace ballast::experiments
