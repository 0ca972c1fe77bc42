// The policies by name, and the one way to ask them. docs/policies.md explains each.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/arena.hpp"
#include "base/result.hpp"
#include "policy/parameters.hpp"
#include "policy/plan.hpp"
#include "policy/pool_model.hpp"

namespace ballast::policy {

namespace planner {
class Planner;
}

// Memory for intermediate results, sized for the largest pool that will be given.
struct Workspace {
    // Filled by `measure`.
    std::span<Amounts> vm_mean;                    // over the window: cores, Mb/s, MiB, MB/s
    std::span<Amounts> vm_peak;                    // highest sample of the window
    std::span<PerResource<float>> vm_persistence;  // of its own series, where correlations are measured
    std::span<HostLoad> host_load;                 // mean over the window
    std::span<std::uint64_t>
        memory_used_mib;  // guests' memory by host, moves in flight counted on both sides
    std::span<PerResource<std::uint32_t>> host_samples;  // length of the window really used
    DataReport data;

    // The round's own: hosts with this round's moves done.
    std::span<double> host_cpu_planned;
    std::span<std::uint64_t> memory_planned_mib;
    std::span<Amounts> host_planned;  // utilisations
    std::span<VmIndex> guest_order;
    std::span<HostIndex> destination_order;
    std::span<std::uint32_t> host_first;  // with vm_by_host: the guests of each host; one more than hosts
    std::span<VmIndex> vm_by_host;
    std::span<double> vm_rank;                                  // what a policy sorts guests by
    std::span<double> host_rank;                                // and hosts
    std::span<std::uint8_t> vm_marks;                           // meaning: the ledger's
    std::span<std::uint32_t> host_marks;                        // meaning: the policy's
    std::span<PerResource<std::array<VmIndex, 2>>> host_picks;  // likewise
    // limits::window_samples_max instants a host, oldest first, utilisations
    std::span<Amounts> host_history;
    std::span<std::uint32_t> host_instants;  // how many of them each host has
    planner::Planner* planner = nullptr;     // the policy `ballast`
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
    Family family = Family::none;
    // Fills `moves`, `rejected` (by Plan::reject) and `source`; `plan` does the rest. `measure` has been
    // called.
    void (*decide)(const Policy&, const Pool&, const Parameters&, Workspace&, Plan&) noexcept = nullptr;
    // Of the VDS policies.
    GuestRule guests = GuestRule::none;
    DestinationRule destinations = DestinationRule::least_loaded;
    double guest_rate = 0;
    double host_rate = 0;
};
std::span<const Policy> policies() noexcept;
// Null when no policy is called so.
const Policy* find_policy(std::string_view name) noexcept;

// One planning round: fills `out` (cleared first). The same pool and parameters give the same plan.
// `limit_reached` when the pool is larger than the workspace or the plan's buffers; `invalid_argument` when
// `check` has something to say or the pool is inconsistent (a guest on a host that does not exist, an up host
// without cores, memory beyond memory_mib_max). Bad measurements stop nothing: each has its rule, and they
// are counted in `out.data`.
Status plan(const Policy& policy, const Pool& pool, const Parameters& parameters, Workspace& workspace,
            Plan& out) noexcept;

}  // namespace ballast::policy
