// A plan for people: the conclusion first, then the moves with their reasons, what each host gains, and why
// the rest stays.
#pragma once

#include <string>

#include "cli/offline/planning.hpp"

namespace ballast::cli::offline {

std::string plan_text(const Planning& planning);

}  // namespace ballast::cli::offline
