// Where one guest should go when its operator does not say: the least loaded host that can take it.
#pragma once

#include <cstdint>

#include "policy/plan.hpp"
#include "policy/policy.hpp"
#include "policy/pool_model.hpp"

namespace ballast::policy {

struct PlacementRequest {
    HostIndex from = no_index;  // excluded; none: the guest is on no host yet
    std::uint64_t memory_mib = 0;
    VmIndex vm = no_index;  // for the rejections; may be none
    // By host index: false when the host cannot run this type of guest. Empty: all can.
    std::span<const bool> capable{};
    bool with_disks = false;  // they go along: to a host of another site as well
};

// The up host with the lowest CPU once the guest is there (guests that have shown no load yet counted at half
// a core; ties by name) of the site of `from` (if given) whose memory fits, that holds no guest of its
// anti-affinity group and has no migration coming in beyond `parameters.in_flight_max` (only when `from` is
// given). While the pool could restart the guests of its largest host, hosts where it still can go first
// (`keep_spare_host`); none is refused for it. Every host that cannot take the guest is in `rejected` with
// its reason. `no_index` when none fits. Same bounds and requirements as `plan`.
HostIndex place(const Pool& pool, const PlacementRequest& request, const Parameters& parameters,
                Workspace& workspace, BoundedList<Rejection>& rejected) noexcept;

}  // namespace ballast::policy
