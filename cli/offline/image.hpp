// `ballast image …`: fingerprints of disk images, and how much of one another holds. Needs no controller.
#pragma once

#include <span>

#include "cli/commands.hpp"

namespace ballast::cli {

std::span<const Command> image_commands();

}  // namespace ballast::cli
