// `--set NAME=VALUE` and `--policy NAME` of the offline commands.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "policy/policy.hpp"

namespace ballast::cli::offline {

// The policies named, or all when none is; nothing, with the list of valid names in `why`, when one is
// unknown.
std::optional<std::vector<const policy::Policy*>> choose_policies(const std::vector<std::string>& names,
                                                                  std::string& why);

// `defaults` after all settings; nothing, with what was expected in `why`, when one is malformed,
// unknown, out of range, or taken by none of the policies.
std::optional<policy::Parameters> apply_settings(const std::vector<std::string>& settings,
                                                 const std::vector<const policy::Policy*>& policies,
                                                 std::string& why, const policy::Parameters& defaults = {});

// "a, b, c": the names of all policies.
std::string policy_names();

}  // namespace ballast::cli::offline
