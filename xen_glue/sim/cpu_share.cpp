#include "xen_glue/sim/cpu_share.hpp"

namespace ballast::sim {

void share_cpu(std::span<CpuClaim> claims, std::uint64_t capacity_ucores) noexcept {
    std::uint64_t left_ucores = capacity_ucores;
    std::uint64_t open_weight = 0;
    for (CpuClaim& claim : claims) {
        claim.granted_ucores = 0;
        open_weight += claim.demand_ucores > 0 ? claim.weight : 0;
    }
    // Each pass satisfies at least one claim, or hands out the rest by weight and ends.
    const auto open = [](const CpuClaim& c) { return c.granted_ucores == 0 && c.demand_ucores > 0; };
    while (open_weight > 0) {
        bool satisfied_one = false;
        const std::uint64_t pass_ucores = left_ucores;
        const std::uint64_t pass_weight = open_weight;
        for (CpuClaim& claim : claims) {
            if (open(claim) && claim.demand_ucores <= pass_ucores * claim.weight / pass_weight) {
                claim.granted_ucores = claim.demand_ucores;
                left_ucores -= claim.demand_ucores;
                open_weight -= claim.weight;
                satisfied_one = true;
            }
        }
        if (satisfied_one) {
            continue;
        }
        for (CpuClaim& claim : claims) {
            if (open(claim)) {
                claim.granted_ucores = pass_ucores * claim.weight / pass_weight;
            }
        }
        return;
    }
}

}  // namespace ballast::sim
