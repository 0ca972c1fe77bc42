// What guests and hosts will use next, where their loads are known to persist and no further than they do.
#pragma once

#include <cstdint>

#include "policy/means.hpp"
#include "policy/policy.hpp"
#include "policy/pool_model.hpp"

namespace ballast::policy {

// REQUIRES: `measure` has filled the workspace and the correlations of all guests' loads over `window`
// samples, more than `recent`. Replaces the guests' means in it by
//   mean + persistence * (mean of the last `recent` samples - mean)
// and the hosts' utilisations by what follows for them. The persistence is half its own, half that of all
// guests' loads where the guest has a full window, and the more that of all the fewer samples it has. Returns
// the persistence of all.
PerResource<double> forecast(const Pool& pool, const Correlations& correlations, std::uint32_t window,
                             std::uint32_t recent, Workspace& workspace) noexcept;

}  // namespace ballast::policy
