// `ballast simulate trace`: recorded loads under every policy, with the score table of docs/experiments.md.
#pragma once

#include "cli/commands.hpp"

namespace ballast::cli::offline {

Action declare_simulate_trace(Options& options);

}  // namespace ballast::cli::offline
