// The policies by name, and the one way to ask them. docs/policies.md explains each.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/arena.hpp"
#include "base/result.hpp"
#include "policy/plan.hpp"
#include "policy/pool_model.hpp"

namespace ballast::policy {

// What an operator may set. Ranges are checked by `check`.
struct Parameters {
    double critical_load = 0.8;  // utilisation, above 0 up to 1: at or above it a host is overloaded
    std::uint32_t window = 7;    // samples in a mean, 1 to limits::window_samples_max
    double guest_rate =
        0;  // share of the guests that a rate rule selects, above 0 up to 1; 0: the policy's own
    double host_rate = 0;  // share of the hosts that B and C keep, above 0 up to 1; 0: the policy's own
    std::uint32_t moves_max = 0;          // 0: no bound but the plan's buffer
    std::uint32_t cool_down_seconds = 0;  // a guest that moved less than this ago stays; 0: no cool-down
    std::uint32_t samples_min = 0;        // a source with fewer dom0 samples than this is not judged yet
    std::uint32_t in_flight_max = 1;      // migrations into, and out of, one host at a time
};
// Nothing when all are in range, else a sentence that names the parameter, its range and the value found.
std::optional<Detail> check(const Parameters& parameters) noexcept;

// Memory for intermediate results, sized for the largest pool that will be given.
struct Workspace {
    std::span<double> vm_cpu_cores;            // mean over the window
    std::span<HostLoad> host_load;             // mean over the window
    std::span<std::uint64_t> memory_used_mib;  // by host, moves in flight counted on both sides
    std::span<double> host_cpu_planned;        // with this round's moves
    std::span<std::uint64_t> memory_planned_mib;
    std::span<std::uint32_t> host_samples;  // length of the window really used
    std::span<VmIndex> guest_order;
    std::span<HostIndex> destination_order;
};
Workspace make_workspace(Arena& arena, std::size_t hosts_max, std::size_t vms_max) noexcept;

// Which guests of the source are to move (VDS section "guest selection") and where to ("destination
// selection").
enum class GuestRule : std::uint8_t {
    none = 0,
    busiest = 1,
    lower_half = 2,
    upper_without_first = 3,
    uppermost = 4
};
enum class DestinationRule : std::uint8_t { least_loaded = 0, spread = 1 };

struct Policy {
    std::string_view name;     // "vds-3b"
    std::string_view summary;  // one sentence
    GuestRule guests = GuestRule::none;
    DestinationRule destinations = DestinationRule::least_loaded;
    double guest_rate = 0;
    double host_rate = 0;
    void (*decide)(const Policy&, const Pool&, const Parameters&, Workspace&, Plan&) noexcept = nullptr;
};
std::span<const Policy> policies() noexcept;
// Null when no policy is called so.
const Policy* find_policy(std::string_view name) noexcept;

// One planning round: fills `out` (cleared first). The same pool and parameters give the same plan.
// `limit_reached` when the pool is larger than the workspace or the plan's buffers; `invalid_argument` when
// `check` has something to say or the pool is inconsistent (a guest on a host that does not exist, an up host
// without cores).
Status plan(const Policy& policy, const Pool& pool, const Parameters& parameters, Workspace& workspace,
            Plan& out) noexcept;

}  // namespace ballast::policy
