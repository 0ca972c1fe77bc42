// What a policy sees of a pool: hosts, guests and their recent past. A view: names and series belong to the
// caller and must outlive the model. The controller builds one from its tables, the offline tools from a
// ballast-pool/1 file.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/vocabulary.hpp"
#include "policy/resource.hpp"
#include "policy/series.hpp"

namespace ballast::policy {

// Beyond any machine: sums of a pool's memory cannot overflow below it.
inline constexpr std::uint64_t memory_mib_max = std::uint64_t{1} << 40;

// Index of a host or guest in its span.
using HostIndex = std::uint32_t;
using VmIndex = std::uint32_t;
inline constexpr std::uint32_t no_index = UINT32_MAX;

struct Host {
    std::string_view name;
    // Only `up` hosts give or take guests. The caller makes a host with stale samples `suspect`.
    HostState state = HostState::down;
    double cpu_cores = 0;  // > 0 for an up host
    std::uint64_t memory_mib = 0;
    std::uint64_t memory_reserved_mib =
        0;                 // never given to guests: dom0, hypervisor, and what the operator keeps free
    double net_mbps = 0;   // capacity, 0: unknown
    double disk_mbps = 0;  // capacity, 0: unknown
    Series dom0_cpu_cores;
    std::uint32_t site = no_index;     // guests find their disks on hosts of the same one alone
    std::uint32_t migrations_in = 0;   // under way now
    std::uint32_t migrations_out = 0;  // under way now
};

struct Vm {
    std::string_view name;
    HostIndex host = no_index;  // where it is; for a guest in flight its source
    VmState state = VmState::unknown;
    bool movable = false;
    std::uint64_t memory_mib = 0;
    std::uint32_t vcpus = 0;
    Series cpu_cores;                // cores used
    Series net_mbps;                 // sent + received
    Series disk_mbps;                // read + written
    Series memory_used_mib;          // empty: memory_mib
    std::string_view anti_affinity;  // a group's name; empty: none
    HostIndex moving_to = no_index;  // its memory then counts on both hosts
    std::optional<std::int64_t> last_moved_seconds_ago;
    std::optional<std::int64_t> started_seconds_ago;  // none: long ago, or unknown
    HostIndex came_from = no_index;   // where its last move took it away from, if that is remembered
    bool session_active = false;      // somebody is working on it
    double dirty_mib_per_second = 0;  // memory that it writes; 0: unknown
};

struct Pool {
    std::span<const Host> hosts;
    std::span<const Vm> vms;
    // UTC, 0 to 1439: for policies that move guests at certain hours only. None: unknown, any hour.
    std::optional<std::uint32_t> minute_of_day{};
    double sample_interval_seconds = 5;  // between two samples of a series
    // Somebody has said what the loads are: no number is a sample of something that varies by chance.
    bool loads_given = false;
};

// Since it moved or started, whichever was later: the cool-down holds from then. What still boots can not be
// suspended, and shows a load that it will not have.
constexpr std::optional<std::int64_t> settled_seconds(const Vm& vm) noexcept {
    if (!vm.last_moved_seconds_ago || !vm.started_seconds_ago) {
        return vm.last_moved_seconds_ago ? vm.last_moved_seconds_ago : vm.started_seconds_ago;
    }
    return std::min(*vm.last_moved_seconds_ago, *vm.started_seconds_ago);
}

// What the host has of each resource; 0: unknown.
constexpr Amounts capacity(const Host& host) noexcept {
    return {{host.cpu_cores, host.net_mbps, static_cast<double>(host.memory_mib), host.disk_mbps}};
}

// The guest's series of each resource.
constexpr Series series(const Vm& vm, Resource resource) noexcept {
    switch (resource) {
        case Resource::cpu: return vm.cpu_cores;
        case Resource::net: return vm.net_mbps;
        case Resource::memory: return vm.memory_used_mib;
        case Resource::disk: return vm.disk_mbps;
    }
    return {};
}

// Samples of the longest series of any guest.
constexpr std::size_t longest_series(std::span<const Vm> vms) noexcept {
    std::size_t longest = 0;
    for (const Vm& vm : vms) {
        for (const Resource resource : all_resources) {
            longest = std::max(longest, series(vm, resource).size());
        }
    }
    return longest;
}

// Memory that guests may take on the host.
constexpr std::uint64_t memory_for_guests_mib(const Host& host) noexcept {
    return host.memory_mib > host.memory_reserved_mib ? host.memory_mib - host.memory_reserved_mib : 0;
}

// Memory that the guest takes on the host where it is: all of it unless it is saved.
constexpr bool holds_memory(const Vm& vm) noexcept {
    return vm.state != VmState::saved;
}

}  // namespace ballast::policy
