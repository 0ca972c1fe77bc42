// The commands about the program itself: help, version, completion, man pages.
#pragma once

#include <span>

#include "cli/commands.hpp"

namespace ballast::cli {

std::span<const Command> about_commands();

}  // namespace ballast::cli
