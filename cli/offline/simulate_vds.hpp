// `ballast simulate vds`: the simulation of the VDS paper, over many seeds.
#pragma once

#include "cli/commands.hpp"

namespace ballast::cli::offline {

Action declare_simulate_vds(Options& options);

}  // namespace ballast::cli::offline
