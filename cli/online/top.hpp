// The pool live in the terminal.
#pragma once

#include <span>

#include "cli/commands.hpp"

namespace ballast::cli {

std::span<const Command> top_commands();

}  // namespace ballast::cli
