// Windowed means: what "load" is for every policy (definitions in docs/policies.md, "What is measured").
#pragma once

#include <cstdint>

#include "policy/correlation.hpp"
#include "policy/plan.hpp"
#include "policy/policy.hpp"
#include "policy/pool_model.hpp"

namespace ballast::policy {

// Fills the workspace's means, peaks, host loads, samples, memory and data report.
// REQUIRES: the workspace is large enough, every vm.host and vm.moving_to is an index of a host or no_index.
void measure(const Pool& pool, std::uint32_t window, Workspace& workspace) noexcept;
// Also adds every guest's series to the correlations, while its samples are at hand.
using Correlations = PerResource<Correlation>;
void measure(const Pool& pool, std::uint32_t window, Workspace& workspace,
             Correlations& correlations) noexcept;

// The highest value of this resource that the guest's host could have measured for it; what is above counts
// as that much. Infinite where no capacity is known.
double ceiling(const Pool& pool, const Vm& vm, Resource resource) noexcept;
Amounts ceilings(const Pool& pool, const Vm& vm) noexcept;  // of all resources

// A guest's share of a host's load, as it would be counted there from its means.
HostLoad share_of_host(const Vm& vm, const Amounts& mean, const Host& host) noexcept;
void add(HostLoad& load, const HostLoad& share) noexcept;
void subtract(HostLoad& load, const HostLoad& share) noexcept;

// Takes the guests of a move from the one host's load to the other's: O(1), whatever the pool's size.
// `load` is by host index.
void carry(const Pool& pool, const Workspace& workspace, const Move& move, std::span<HostLoad> load) noexcept;

// Standard deviations over the up hosts, from `load.hosts`.
void spread(std::span<const Host> hosts, PoolLoad& load) noexcept;

// The pool's load as measured, and as it will be once `moves` are done. Notes in each move what it does to
// its two hosts.
void summarize(const Pool& pool, const Workspace& workspace, std::span<Move> moves, PoolLoad& before,
               PoolLoad& after) noexcept;

}  // namespace ballast::policy
