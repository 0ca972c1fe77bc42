// Commands for pools of desktops, private desktops and sessions.
#pragma once

#include <span>

#include "cli/commands.hpp"

namespace ballast::cli {

std::span<const Command> desktop_commands();

}  // namespace ballast::cli
