// `ballast simulate soak`: the whole system in a world that breaks, seed by seed (docs/simulator.md).
#pragma once

#include "cli/commands.hpp"

namespace ballast::cli::offline {

Action declare_simulate_soak(Options& options);

}  // namespace ballast::cli::offline
