// What was wrong with the measurements that a round looked at. Nothing of it stops a round: each fault has a
// rule (docs/policies.md, "Bad data") and is counted here, so that an operator learns of it.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "base/fixed_vector.hpp"
#include "policy/pool_model.hpp"
#include "policy/resource.hpp"

namespace ballast::policy {

// Frozen numbers: only append.
enum class DataFault : std::uint8_t {
    missing_series = 0,    // no such series: counts as zero (a guest's memory in use: as its memory)
    zero_length = 1,       // a series without samples: the same
    not_a_number = 2,      // the last good sample before it holds, or 0
    negative = 3,          // likewise
    infinite = 4,          // likewise
    above_capacity = 5,    // more than the host has (memory: more than the guest has): counts as that much
    stale = 6,             // a suspect host: neither source nor destination
    capacity_unknown = 7,  // an up host without a capacity for what its guests use: not weighed there
};
inline constexpr std::size_t data_fault_count = 8;
std::string_view to_string(DataFault) noexcept;

struct DataFinding {
    DataFault fault = DataFault::missing_series;
    Resource resource = Resource::cpu;
    VmIndex vm = no_index;      // none: the host's own (dom0's series, a capacity, stale)
    HostIndex host = no_index;  // where it was found
    double value = 0;           // the sample; 0 where there is none
};

inline constexpr std::size_t data_findings_max = 16;

struct DataReport {
    // Series for the first two, samples for the next four, hosts for the last two.
    std::array<PerResource<std::uint32_t>, data_fault_count> counts{};
    FixedVector<DataFinding, data_findings_max> first;  // the first offenders, in the order of the pool

    void add(const DataFinding& finding) noexcept {
        ++counts[static_cast<std::size_t>(finding.fault)][finding.resource];
        (void)first.try_push(finding);  // the counts tell what is left out
    }
    std::uint32_t count(DataFault fault) const noexcept {
        std::uint32_t sum = 0;
        for (const std::uint32_t each : counts[static_cast<std::size_t>(fault)].values) {
            sum += each;
        }
        return sum;
    }
    bool clean() const noexcept { return first.empty(); }
};

}  // namespace ballast::policy
