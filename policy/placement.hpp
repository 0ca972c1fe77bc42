// Where one guest should go when its operator does not say: the least loaded host that can take it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

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
    // The anti-affinity group of a guest that is not in the pool yet; of `vm` it is its own. Empty: none.
    std::string_view group{};
};

// The up host with the lowest CPU once the guest is there (guests that have shown no load yet counted at half
// a core, those on their way there with what they use; ties by name) of the site of `from` (if given) whose
// memory fits, that holds no guest of its anti-affinity group and has no migration coming in beyond
// `parameters.in_flight_max` (only when `from` is given). Hosts that keep a spare host (see below) go first,
// then hosts that stay within the thresholds of all resources; none is refused for either. Every host that
// cannot take the guest is in `rejected` with its reason. `no_index` when none fits. Same bounds and
// requirements as `plan`.
HostIndex place(const Pool& pool, const PlacementRequest& request, const Parameters& parameters,
                Workspace& workspace, BoundedList<Rejection>& rejected) noexcept;

// A guest that comes to a host, and leaves `from` if that is given.
struct Arrival {
    HostIndex to = no_index;  // none: nobody comes
    std::uint64_t memory_mib = 0;
    HostIndex from = no_index;
    VmIndex vm = no_index;
};
// Whether the guests of the host that holds most would then fit on the others, one by one from the largest
// on, each where most room is left. REQUIRES: workspace.memory_used_mib is what the hosts hold, as `measure`
// left it or more; what is more than the pool's guests is taken to be guests of `arrival.memory_mib`.
bool survives_largest(const Pool& pool, Workspace& workspace, const Arrival& arrival) noexcept;
// Whether the pool can do that now, and the parameters ask that it stays so (`keep_spare_host`).
bool spare_host_to_keep(const Pool& pool, const Parameters& parameters, Workspace& workspace) noexcept;

// A threshold that a host would be above.
struct Overload {
    Resource resource = Resource::cpu;
    double have = 0;
    double limit = 0;
};
// The one that the host would pass farthest with a guest that uses so much, and with those that are on their
// way there; nothing: it stays within all.
// REQUIRES: `measure` has been called.
std::optional<Overload> overload_with(const Pool& pool, const Amounts& guest, const Parameters& parameters,
                                      const Workspace& workspace, HostIndex h) noexcept;

}  // namespace ballast::policy
