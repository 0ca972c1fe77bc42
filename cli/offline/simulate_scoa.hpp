// `ballast simulate scoa`: the SCOA paper's experiment, over many seeds.
#pragma once

#include "cli/commands.hpp"

namespace ballast::cli::offline {

Action declare_simulate_scoa(Options& options);

}  // namespace ballast::cli::offline
