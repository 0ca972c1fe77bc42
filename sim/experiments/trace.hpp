// A recorded or made-up load for the replay: guests with series of equal length. A view; the loader owns the
// numbers.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "policy/pool_model.hpp"

namespace ballast::experiments {

// One guest. Series have one value a slot, or are empty (unknown, counted as policy/ counts missing series).
struct TraceVm {
    std::string_view name;
    std::uint64_t memory_mib = 0;
    std::uint32_t vcpus = 1;
    policy::Series cpu_cores;  // one value a slot
    policy::Series net_mbps;
    policy::Series disk_mbps;
    policy::Series memory_used_mib;
};

// All hosts of a replay are equal.
struct TraceHost {
    double cpu_cores = 0;
    std::uint64_t memory_mib = 0;
    double net_mbps = 0;   // 0: unknown
    double disk_mbps = 0;  // 0: unknown
};

struct Trace {
    std::string_view name;
    std::uint32_t slot_seconds = 300;
    std::size_t slots = 0;
    TraceHost host;
    std::span<const TraceVm> vms;
};

}  // namespace ballast::experiments
