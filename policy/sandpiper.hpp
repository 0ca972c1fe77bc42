// Sandpiper (Wood, Shenoy, Venkataramani, Yousif: "Black-box and Gray-box Strategies for Virtual Machine
// Migration", NSDI 2007), its black-box hotspot detection and mitigation, as the deterministic rules of
// docs/policies.md.
#pragma once

#include "policy/policy.hpp"

namespace ballast::policy {

// Fills `out`. REQUIRES: `measure` has filled the workspace.
void decide_sandpiper(const Policy& policy, const Pool& pool, const Parameters& parameters,
                      Workspace& workspace, Plan& out) noexcept;

// Highest utilisation that a volume counts, so that a full host's is finite.
inline constexpr double volume_utilisation_max = 0.99;

// 1/(1-cpu) · 1/(1-net) · 1/(1-memory), of the resources whose `weighed` is set: how loaded over all of them.
double volume(const Amounts& utilisation, const PerResource<bool>& weighed) noexcept;

}  // namespace ballast::policy
