// SCOA (Sa, Ha, Park: "Dynamic Relocation of Virtual Machines for Load Balancing in Virtualization
// Environment", J. KIISE 35(12), 2008): hosts as points in the space of utilisations; as the deterministic
// rules of docs/policies.md. Each utilisation is of the host's own capacity, so hosts need not be equal.
#pragma once

#include "policy/policy.hpp"

namespace ballast::policy {

// Fills `out`. REQUIRES: `measure` has filled the workspace.
void decide_scoa(const Policy& policy, const Pool& pool, const Parameters& parameters, Workspace& workspace,
                 Plan& out) noexcept;

}  // namespace ballast::policy
