// What moving a guest costs, in time and in processor: iterative pre-copy with a dirty rate that follows the
// guest's load. The rounds are those of libxc (xen_glue/sim/precopy.hpp); the numbers below are the model's
// assumptions and can all be set.
#pragma once

#include <cstdint>

namespace ballast::experiments {

struct MigrationModel {
    bool instant = false;  // moves take no time and cost nothing: for comparison with published baselines
    double link_mbps =
        10'000;  // one migration has the whole link: a host sends one and receives one at a time
    double dirty_pages_per_core =
        5000;                         // pages of 4 KiB written a second by a guest for each core that it uses
    double working_set_share = 0.1;   // share of its memory that a guest writes to
    double slow_down = 0.1;           // share of its demand that a guest goes short of while it is copied
    double dom0_cores = 0.5;          // used on either host while a copy runs
    std::uint32_t in_flight_max = 1;  // migrations into, and out of, one host at a time
};

struct MigrationCost {
    double seconds = 0;           // from the start to the guest running at the destination
    double downtime_seconds = 0;  // the last part of it, in which the guest does not run
    double sent_mib = 0;
};

// REQUIRES: link_mbps > 0.
MigrationCost migration_cost(const MigrationModel& model, std::uint64_t memory_mib,
                             double cpu_cores) noexcept;

}  // namespace ballast::experiments
