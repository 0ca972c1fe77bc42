// What the controller's core decided in a step, as one number: two cores that decide the same have the same.
#pragma once

#include "controller/core/core.hpp"

namespace ballast::simulator {

std::uint64_t digest(const controller::Core& core, const controller::Actions& actions, const Now& now);

}  // namespace ballast::simulator
