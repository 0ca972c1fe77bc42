// `ballast plan` and `ballast compare`.
#pragma once

#include "cli/commands.hpp"

namespace ballast::cli::offline {

Action declare_plan(Options& options);
Action declare_compare(Options& options);

}  // namespace ballast::cli::offline
