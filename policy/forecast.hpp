// What guests and hosts will use next, where their loads are known to persist and no further than they do.
#pragma once

#include <cstdint>

#include "policy/policy.hpp"
#include "policy/pool_model.hpp"

namespace ballast::policy {

// The share of a deviation from its mean that a load keeps from one sample to the next: the regression of
// each of the last `window` samples on the one before it, for all guests together, since a single guest's
// would be mostly noise. 0..1; 0 where nothing varies.
PerResource<double> persistence(const Pool& pool, std::uint32_t window) noexcept;

// REQUIRES: `measure` has filled the workspace over this window. Replaces the guests' means in it by
//   mean + persistence * (mean of the last `recent` samples - mean)
// and the hosts' utilisations by what follows for them.
void forecast(const Pool& pool, std::uint32_t window, std::uint32_t recent, Workspace& workspace) noexcept;

}  // namespace ballast::policy
