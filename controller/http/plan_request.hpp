// What a request may say of the plan that it wants: {"policy", "parameters", "max_moves"}.
#pragma once

#include "controller/core/core.hpp"
#include "controller/http/json_body.hpp"

namespace ballast::controller::http {

// Reads the three; what is left out is as configured.
void read_plan_request(JsonFields& fields, const Core& core, Command& command);

}  // namespace ballast::controller::http
