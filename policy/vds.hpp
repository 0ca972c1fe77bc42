// The seven policies of the VDS paper ("Load Balancing Policy for Xen-based Virtual Desktop Service",
// sections on guest and destination selection), as the deterministic rules of docs/policies.md.
#pragma once

#include "policy/policy.hpp"

namespace ballast::policy {

// Fills `out.moves`, `out.rejected` and `out.source`. REQUIRES: `measure` has filled the workspace.
void decide_vds(const Policy& policy, const Pool& pool, const Parameters& parameters, Workspace& workspace,
                Plan& out) noexcept;

// ceil(count * rate), the rate taken to six decimals, so that binary fractions cannot push a whole product up
// (0.1 of 70 is 7, not 8). At least 1 when count > 0 and rate > 0.
std::size_t share_of(std::size_t count, double rate) noexcept;

}  // namespace ballast::policy
