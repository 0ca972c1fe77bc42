// One object in full, and the pool on one screen.
#pragma once

#include <string>
#include <string_view>

#include "cli/commands.hpp"
#include "cli/json.hpp"

namespace ballast::cli {

Action declare_describe(Options& options);
Action declare_status(Options& options);

// An object as lines "name  value", nested objects indented, arrays of objects an item a line.
std::string describe_object(Json object);

}  // namespace ballast::cli
