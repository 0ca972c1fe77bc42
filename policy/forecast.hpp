// What guests and hosts will use next, where their loads are known to persist and no further than they do.
#pragma once

#include <cstdint>

#include "policy/means.hpp"
#include "policy/policy.hpp"
#include "policy/pool_model.hpp"

namespace ballast::policy {

// REQUIRES: `measure` has filled the workspace and the correlations of all guests' loads over a window of
// more than `recent` samples. Replaces the guests' means in it by
//   mean + persistence * (mean of the last `recent` samples - mean)
// and the hosts' utilisations by what follows for them.
void forecast(const Pool& pool, const Correlations& correlations, std::uint32_t recent,
              Workspace& workspace) noexcept;

}  // namespace ballast::policy
