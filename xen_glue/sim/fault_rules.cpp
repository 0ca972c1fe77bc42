#include "xen_glue/sim/fault_rules.hpp"

#include <algorithm>
#include <array>

namespace ballast::sim {
namespace {

constexpr std::array<std::string_view, 13> call_words{
    "list",     "pause",   "unpause", "resume",  "rename",  "guest_area", "create",
    "shutdown", "destroy", "send",    "receive", "suspend", "withdraw"};

}  // namespace

std::optional<FaultRule> take_fault(FaultRules& rules, Call call) noexcept {
    for (std::size_t i = 0; i < rules.size(); ++i) {
        FaultRule& rule = rules[i];
        if (rule.call != call) {
            continue;
        }
        if (rule.skip > 0) {
            --rule.skip;
            continue;
        }
        const FaultRule hit = rule;
        if (rule.times == 1) {
            rules.remove_ordered(i);
        } else if (rule.times > 1) {
            --rule.times;
        }
        return hit;
    }
    return std::nullopt;
}

bool valid(const FaultRule& rule) noexcept {
    const bool is_long = rule.call >= Call::create && rule.call != Call::withdraw;
    return rule.at_permille <= 1000 &&
           (is_long || (rule.action == FaultAction::fail && rule.at_permille == 0));
}

std::string_view to_string(Call call) noexcept {
    return call_words[static_cast<std::size_t>(call)];
}

std::optional<Call> parse_call(std::string_view text) noexcept {
    const auto found = std::find(call_words.begin(), call_words.end(), text);
    if (found == call_words.end()) {
        return std::nullopt;
    }
    return static_cast<Call>(found - call_words.begin());
}

}  // namespace ballast::sim
