// What a policy would make of a pool from a file, round after round.
#pragma once

#include "cli/commands.hpp"

namespace ballast::cli::offline {

Action declare_simulate_pool(Options& options);

}  // namespace ballast::cli::offline
