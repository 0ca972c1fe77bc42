// Commands that change guests, hosts and jobs.
#pragma once

#include <span>

#include "cli/commands.hpp"

namespace ballast::cli {

std::span<const Command> vm_commands();
std::span<const Command> host_commands();
std::span<const Command> job_commands();

}  // namespace ballast::cli
