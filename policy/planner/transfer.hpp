// What moving a guest costs: bytes on the link and time, by the pre-copy model of live migration.
#pragma once

#include "policy/policy.hpp"
#include "policy/pool_model.hpp"

namespace ballast::policy::planner {

struct Transfer {
    double sent_gib = 0;
    double seconds = 0;
    double downtime_seconds = 0;  // the last round; 0: not known, for it is not known what the guest writes
};

// Memory is sent once, then in each round what was written during the round before (Clark et al., NSDI 2005,
// section 3.2), at most `precopy_rounds` of them, with the guest stopped for the last. The link is
// the parameter `link_mbps`, else the capacity of the host that the guest is on, else 1 Gb/s.
Transfer estimate_transfer(const Vm& vm, const Pool& pool, const Parameters& parameters) noexcept;
Transfer estimate_transfer(double memory_mib, double dirty_mib_per_second, double link_mbps) noexcept;

// Whether the pool's time of day lies outside the hours in which guests may be moved. An unknown time is
// inside.
bool outside_window(const Pool& pool, const Parameters& parameters) noexcept;

}  // namespace ballast::policy::planner
