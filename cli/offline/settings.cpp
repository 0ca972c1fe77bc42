#include "cli/offline/settings.hpp"

#include <algorithm>
#include <string_view>

namespace ballast::cli::offline {

namespace {

// Sets it for the first policy that takes it; the error of the last one when none does.
std::optional<policy::ParameterError> set_for_any(policy::Parameters& parameters, std::string_view name,
                                                  std::string_view value,
                                                  const std::vector<const policy::Policy*>& policies) {
    std::optional<policy::ParameterError> error = policy::set(parameters, name, value);
    if (error) {
        return error;
    }
    for (const policy::Policy* candidate : policies) {
        error = policy::set(parameters, name, value, candidate->family);
        if (!error) {
            return std::nullopt;
        }
    }
    return error;
}

}  // namespace

std::string policy_names() {
    std::string names;
    for (const policy::Policy& known : policy::policies()) {
        names += (names.empty() ? "" : ", ") + std::string{known.name};
    }
    return names;
}

std::optional<std::vector<const policy::Policy*>> choose_policies(const std::vector<std::string>& names,
                                                                  std::string& why) {
    std::vector<const policy::Policy*> chosen;
    for (const std::string& name : names) {
        const policy::Policy* found = policy::find_policy(name);
        if (found == nullptr) {
            why = "no policy is called " + name + "; there are " + policy_names();
            return std::nullopt;
        }
        if (std::find(chosen.begin(), chosen.end(), found) == chosen.end()) {
            chosen.push_back(found);
        }
    }
    if (names.empty()) {
        for (const policy::Policy& known : policy::policies()) {
            chosen.push_back(&known);
        }
    }
    return chosen;
}

std::optional<policy::Parameters> apply_settings(const std::vector<std::string>& settings,
                                                 const std::vector<const policy::Policy*>& policies,
                                                 std::string& why, const policy::Parameters& defaults) {
    policy::Parameters parameters = defaults;
    for (const std::string& setting : settings) {
        const std::size_t equals = setting.find('=');
        if (equals == std::string::npos) {
            why = "--set " + setting + ": expected NAME=VALUE";
            return std::nullopt;
        }
        const std::string_view text{setting};
        if (const auto error =
                set_for_any(parameters, text.substr(0, equals), text.substr(equals + 1), policies)) {
            why = "--set " + setting + ": " + std::string{error->view()};
            return std::nullopt;
        }
    }
    if (const auto error = policy::check(parameters)) {
        why = std::string{error->view()};
        return std::nullopt;
    }
    return parameters;
}

}  // namespace ballast::cli::offline
