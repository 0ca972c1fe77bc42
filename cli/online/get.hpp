// Looking: status, get, describe, metrics.
#pragma once

#include <span>

#include "cli/commands.hpp"

namespace ballast::cli {

std::span<const Command> look_commands();

}  // namespace ballast::cli
