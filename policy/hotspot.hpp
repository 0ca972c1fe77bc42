// Sandpiper's test for a hotspot: k of the last n samples above a threshold, and the predicted next one too.
#pragma once

#include <cstdint>

#include "policy/history.hpp"
#include "policy/parameters.hpp"

namespace ballast::policy {

// What one resource of one host says.
struct HotspotSignal {
    Resource resource = Resource::cpu;
    std::uint32_t above = 0;   // samples above the threshold, of the last `of`
    std::uint32_t of = 0;      // hot_window, or as many as there are
    std::uint32_t needed = 0;  // hot_samples, or `of` when there are fewer
    double predicted = 0;      // utilisation of the next sample; 0 when none is above
    double limit = 0;

    bool sustained() const noexcept { return needed > 0 && above >= needed; }
    bool hot() const noexcept;
};

// How many instants of history the test looks at.
std::uint32_t hotspot_instants(const Parameters& parameters) noexcept;

// REQUIRES: `history` is as long as hotspot_instants says, and the resource has a threshold.
HotspotSignal hotspot_signal(const HostHistory& history, HostIndex h, Resource resource,
                             const Parameters& parameters) noexcept;

}  // namespace ballast::policy
