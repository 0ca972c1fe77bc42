// Many runs, one seed each, and what a failing one leaves: the shortest list of incidents that still breaks
// the same promise, and the log of that run.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sim/engine.hpp"
#include "sim/scenario.hpp"

namespace ballast::simulator {

struct RunResult {
    std::optional<Violation> violation;
    std::uint64_t events = 0;
    std::int64_t virtual_ns = 0;
    std::uint64_t fingerprint = 0;  // of all that happened: equal for equal scenarios
    std::vector<std::string> log;   // when wanted
};
RunResult run(const Scenario& scenario, bool log_wanted = false);

// Leaves incidents out as long as the same promise is broken without them; at most `runs_max` tries.
Scenario shrink(const Scenario& failing, Invariant broken, std::uint32_t runs_max);

// The text for whoever has to find the fault: seed, commit, promise, the incidents left, the log of the last
// run.
std::string explain_failure(const Scenario& shrunk, std::size_t incidents_before, std::string_view commit);

}  // namespace ballast::simulator
