// What a bug report needs, in one file.
#pragma once

#include <span>

#include "cli/commands.hpp"

namespace ballast::cli {

std::span<const Command> bundle_commands();

}  // namespace ballast::cli
