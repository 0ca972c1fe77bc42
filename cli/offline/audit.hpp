// The controller's audit log, read where it lies.
#pragma once

#include <span>

#include "cli/commands.hpp"

namespace ballast::cli::offline {

std::span<const Command> audit_commands();

}  // namespace ballast::cli::offline
