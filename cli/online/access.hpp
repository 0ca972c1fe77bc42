// Tokens, and who the caller is.
#pragma once

#include <span>

#include "cli/commands.hpp"

namespace ballast::cli {

std::span<const Command> access_commands();

}  // namespace ballast::cli
