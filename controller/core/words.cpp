// The words for the enumerators of the core's interface: of the HTTP API, the metrics and the log.
#include <array>

#include "controller/core/commands.hpp"
#include "controller/core/records.hpp"
#include "controller/core/rows.hpp"

namespace ballast::controller {
namespace {

template <class Enum, std::size_t n>
constexpr std::string_view word(const std::array<std::string_view, n>& words, Enum value) noexcept {
    const auto index = static_cast<std::size_t>(value);
    return index < n ? words[index] : std::string_view{"invalid"};
}

// The i-th word is the name of the enumerator with the value i.
constexpr std::array<std::string_view, 6> origins{"operator", "plan", "balancing",
                                                  "drain",    "pool", "session"};
constexpr std::array<std::string_view, 3> link_states{"awaiting_hello", "accepted", "closed"};
constexpr std::array<std::string_view, 7> side_states{"unused", "ordered", "working", "ready",
                                                      "ended",  "acked",   "lost"};
constexpr std::array<std::string_view, 4> plan_states{"ready", "applying", "done", "cancelled"};
constexpr std::array<std::string_view, 6> move_states{"pending", "running", "succeeded",
                                                      "failed",  "skipped", "cancelled"};
constexpr std::array<std::string_view, 4> prediction_states{"none", "open", "compared", "missed"};
constexpr std::array<std::string_view, 33> command_kinds{
    "none",    "create", "start",       "pause",  "unpause", "save",     "restore", "shutdown",    "destroy",
    "migrate", "index",  "set_movable", "forget", "cordon",  "uncordon", "drain",   "forget",      "create",
    "apply",   "cancel", "rebalance",   "cancel", "limit",   "create",   "replace", "set_targets", "enable",
    "disable", "delete", "assign",      "delete", "open",    "close"};
constexpr std::array<std::string_view, 10> slugs{
    "none",           "invalid-request",        "validation-failed", "not-found",
    "state-conflict", "idempotency-key-reused", "limit-reached",     "host-unreachable",
    "no-capacity",    "precondition-failed"};
constexpr std::array<std::string_view, 11> decision_kinds{
    "no_overload",        "no_move",       "planned",         "waiting",        "placed",
    "not_placed",         "drained_guest", "session_granted", "session_denied", "desktop_started",
    "desktop_not_started"};
static_assert(command_kinds.size() == static_cast<std::size_t>(last_command) + 1);
static_assert(slugs.size() == static_cast<std::size_t>(Slug::precondition_failed) + 1);
static_assert(decision_kinds.size() == static_cast<std::size_t>(DecisionKind::desktop_not_started) + 1);

}  // namespace

std::string_view to_string(JobOrigin value) noexcept {
    return word(origins, value);
}
std::string_view to_string(LinkState value) noexcept {
    return word(link_states, value);
}
std::string_view to_string(SideState value) noexcept {
    return word(side_states, value);
}
std::string_view to_string(PlanState value) noexcept {
    return word(plan_states, value);
}
std::string_view to_string(MoveState value) noexcept {
    return word(move_states, value);
}
std::string_view to_string(PredictionState value) noexcept {
    return word(prediction_states, value);
}
std::string_view to_string(CommandKind value) noexcept {
    return word(command_kinds, value);
}
std::string_view to_string(Slug value) noexcept {
    return word(slugs, value);
}
std::string_view to_string(DecisionKind value) noexcept {
    return word(decision_kinds, value);
}

}  // namespace ballast::controller
