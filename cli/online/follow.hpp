// Staying with what was started until it has ended, or for as long as was said. A controller that goes away
// meanwhile is borne with: jobs, plans and drains outlive its restart.
#pragma once

#include <cstdint>
#include <vector>

#include "cli/online/online.hpp"

namespace ballast::cli {

// Waits for all of these jobs, with their progress on a terminal, and says how each has ended. The worst of
// their ends is the command's.
Exit follow_jobs(Online& online, const std::vector<std::uint64_t>& jobs, const Stay& stay);

// Waits until the plan is done or cancelled; `plan` is then its last JSON. Says nothing on standard output.
// Exit::ok when all moves succeeded or were skipped, Exit::failed when one failed, Exit::timeout, or as
// refused.
Exit follow_plan(Online& online, std::uint64_t id, const Stay& stay, std::string& plan);

// Waits until no guest is left on the host.
Exit follow_drain(Online& online, const std::string& host, const Stay& stay);

}  // namespace ballast::cli
