// Looking into a simulated host's state file, and meddling with it: for tests, and for
// build/BUILD/sim-inspect.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "xen_glue/sim/sim_state.hpp"

namespace ballast::sim {

// The host as it is now. Null with `why` filled when there is none.
std::unique_ptr<SimHost> inspect(const std::string& state_file, std::string& why);

// Edits the host in one transaction: to order faults, to crash guests, to slow the link. False with `why`
// filled when there is no such host.
bool meddle(const std::string& state_file, const std::function<void(SimHost&)>& edit, std::string& why);

// One JSON object a line: {"host":...}, then {"domain":...} for each guest, then {"execution":...} oldest
// first.
std::string to_json_lines(const SimHost& host);

}  // namespace ballast::sim
