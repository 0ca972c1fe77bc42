// Where a guest could go with its disk images, in columns.
#pragma once

#include "cli/json.hpp"
#include "cli/table.hpp"

namespace ballast::cli {

// Of the array `destinations` as rankings, decisions and dry runs have it: a row for each host, the best
// first, and why not the others.
Table destinations_table(Json destinations);

}  // namespace ballast::cli
