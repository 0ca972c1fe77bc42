// ballast-plan/1 (docs/formats.md), the answer of `ballast plan`: the keys of the controller's plans, and
// what only a plan that nobody has carried out yet can say.
#pragma once

#include <string>

#include "cli/offline/planning.hpp"

namespace ballast::cli::offline {

// One line without the final line feed. Numbers have six decimals at most; one that is not finite is null.
std::string plan_json(const Planning& planning);

}  // namespace ballast::cli::offline
