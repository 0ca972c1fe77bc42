// What each rule that kept a guest or host as it is says to people.
#pragma once

#include <string>

#include "policy/plan.hpp"

namespace ballast::controller::http {

// "the destination would hold 5120 MiB of guests, and may hold 4096". `have` and `limit` are the rule's
// (policy/plan.hpp says of what).
std::string rule_sentence(policy::Constraint rule, double have, double limit);

}  // namespace ballast::controller::http
