// What the libraries of the shell may take beside the reserved block: for --budget.
#pragma once

#include "controller/config.hpp"
#include "controller/core/budget.hpp"

namespace ballast::controller {

// Bounds, not usual sizes: docs/memory.md has what was measured beside them.
Budget shell_budget(const ControllerConfig& config);

}  // namespace ballast::controller
