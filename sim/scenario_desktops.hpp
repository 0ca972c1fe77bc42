// Desktops of a scenario: drawn from a generator of their own.
#pragma once

#include "sim/scenario.hpp"

namespace ballast::simulator {

// Adds pools, users, and what happens to them, to most scenarios. Incidents are before `span_ns`.
void furnish(Scenario& scenario, std::int64_t span_ns);

}  // namespace ballast::simulator
