// Windowed means: what "load" is for every policy (definitions in docs/policies.md, "What is measured").
#pragma once

#include <cstdint>

#include "policy/plan.hpp"
#include "policy/policy.hpp"
#include "policy/pool_model.hpp"

namespace ballast::policy {

// Over the last `window` samples that exist; 0 when there are none.
double mean_of_last(Series series, std::uint32_t window) noexcept;

// Sum of the last `instants` samples, an instant that the series does not reach counting 0.
double sum_of_last(Series series, std::size_t instants) noexcept;

// Fills vm_cpu_cores, host_load, host_samples and memory_used_mib of the workspace.
// REQUIRES: the workspace is large enough, every vm.host and vm.moving_to is an index of a host or no_index.
void measure(const Pool& pool, std::uint32_t window, Workspace& workspace) noexcept;

// The pool's load as measured, and as it will be once `moves` are done.
void summarize(const Pool& pool, std::uint32_t window, const Workspace& workspace,
               std::span<const Move> moves, PoolLoad& before, PoolLoad& after) noexcept;

}  // namespace ballast::policy
