// What is said of a round once its policy has decided: which hosts are overloaded, which rule kept each guest
// and host as they are, and the conclusion in a sentence.
#pragma once

#include "policy/plan.hpp"
#include "policy/policy.hpp"

namespace ballast::policy {

// Sums of floating point differ in their last digits by their order; what is above a threshold by less than
// this is at it.
inline constexpr double load_tolerance = 1e-9;

// How near one host is to being overloaded. The VDS policies look at CPU alone and call a host overloaded at
// the critical load; the others above any of their thresholds.
Standing standing(Family family, const Parameters& parameters, HostIndex h, const HostLoad& load) noexcept;

// Fills `unresolved`, `nearest`, the verdicts that the policy left open, the counts by rule, and
// `conclusion`. REQUIRES: `summarize` has filled `before` and `after`.
void judge(const Policy& policy, const Pool& pool, const Parameters& parameters, Plan& out) noexcept;

}  // namespace ballast::policy
