// The commands that need no controller: plans on a file, and experiments.
#pragma once

#include <span>

#include "cli/commands.hpp"

namespace ballast::cli::offline {

std::span<const Command> offline_commands();

}  // namespace ballast::cli::offline
