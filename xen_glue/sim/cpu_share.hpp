// Who gets how much of a host's CPUs when all ask at once. Pure.
#pragma once

#include <cstdint>
#include <span>

namespace ballast::sim {

// CPU is counted in micro-cores: 1'000'000 are one physical CPU kept busy.
inline constexpr std::uint64_t core_ucores = 1'000'000;

struct CpuClaim {
    std::uint64_t demand_ucores = 0;
    std::uint32_t weight = 256;        // 1..65535
    std::uint64_t granted_ucores = 0;  // out
};

// Weighted max-min fairness, what Xen's credit schedulers aim at: nobody gets more than it asks for, and what
// one leaves goes to the others by weight. When all fits, all get what they ask for.
void share_cpu(std::span<CpuClaim> claims, std::uint64_t capacity_ucores) noexcept;

}  // namespace ballast::sim
