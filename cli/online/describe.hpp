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

// "waits for samples: 2 of 4 hosts have been measured", of /v1/status; empty when it does not.
std::string waits_for_samples(Json status);

}  // namespace ballast::cli
