// What a mean of few samples is worth, judged by all guests together.
//
// The guest that looked busiest in two samples was as likely lucky as busy, and whoever is chosen for what
// his mean says disappoints. Empirical Bayes (James and Stein 1961; Efron and Morris, "Data analysis using
// Stein's estimator and its generalizations", JASA 1975) draws every mean to that of all, the further the
// more single samples vary within guests beside what the means vary between them.
#pragma once

#include <cstdint>

#include "policy/policy.hpp"
#include "policy/pool_model.hpp"

namespace ballast::policy {

// REQUIRES: `measure` has filled the workspace over `window` samples. Replaces the guests' means in it, per
// vCPU, by
//   all + between / (between + within / samples) * (mean - all)
// with the mean of all guests' means, and the variances between guests and of single samples within them,
// each of one resource; and the hosts' utilisations by what follows for them. Where nobody has two samples,
// or no load varies, nothing changes.
void shrink_means(const Pool& pool, std::uint32_t window, Workspace& workspace) noexcept;

}  // namespace ballast::policy
