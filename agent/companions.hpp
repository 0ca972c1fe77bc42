// The programs that lie beside the agent's own and are started by it, or by libxl on its word.
#pragma once

#include <string>
#include <string_view>

namespace ballast::agent {

inline constexpr std::string_view vif_program = "ballast-vif-bridge";

// The absolute path of a program of this name beside the running one, whether there is one or not.
std::string beside_own_program(std::string_view name);

}  // namespace ballast::agent
