// What changed on a guest, and the words for it.
#include <algorithm>

#include "controller/core/machines.hpp"

namespace ballast::controller {
namespace {

constexpr std::array<std::string_view, causes_count> causes{
    "none",           "wanted",          "job_begun",    "job_ended",    "job_failed",  "boot_completed",
    "session_opened", "session_ended",   "idle",         "surplus",      "reset",       "aged",
    "deadline",       "found_so",        "gone",         "clean_up",     "pool_closed", "user",
    "session_idle",   "session_expired", "disconnected", "desktop_lost", "agent",       "given_up",
    "connection",     "stranded"};
static_assert(causes.size() == static_cast<std::size_t>(Cause::stranded) + 1);
constexpr std::array<std::string_view, 6> machine_kinds{
    "guest", "common_desktop", "private_desktop", "session", "job", "migration"};

}  // namespace

std::string_view to_string(Cause cause) noexcept {
    const auto index = static_cast<std::size_t>(cause);
    return index < causes.size() ? causes[index] : std::string_view{"invalid"};
}
std::string_view to_string(MachineKind kind) noexcept {
    const auto index = static_cast<std::size_t>(kind);
    return index < machine_kinds.size() ? machine_kinds[index] : std::string_view{"invalid"};
}
std::string_view to_string(DesktopState state) noexcept {
    return state == DesktopState::booting ? private_desktop.name_of(state) : common_desktop.name_of(state);
}
std::string_view to_string(SessionState state) noexcept {
    return session_machine.name_of(state);
}
std::string_view to_string(AfterSession after) noexcept {
    return after == AfterSession::ready ? "ready" : "reset";
}
std::string_view to_string(Console console) noexcept {
    return console == Console::relay ? "relay" : (console == Console::direct ? "direct" : "none");
}

std::string_view state_name(MachineKind machine, std::uint8_t state) noexcept {
    switch (machine) {
        case MachineKind::guest: return to_string(static_cast<VmState>(state));
        case MachineKind::common:
        case MachineKind::personal: return to_string(static_cast<DesktopState>(state));
        case MachineKind::session: return to_string(static_cast<SessionState>(state));
        case MachineKind::job: return to_string(static_cast<JobState>(state));
        case MachineKind::migration: return to_string(static_cast<SideState>(state));
    }
    return "invalid";
}

void History::add(const HistoryRow& row) noexcept {
    constexpr std::uint64_t low_48 = (std::uint64_t{1} << 48) - 1;
    if (storage.empty()) {
        return;
    }
    PackedChange& kept = storage[count++ % storage.size()];
    kept.at_ms = static_cast<std::uint64_t>(std::max<std::int64_t>(row.at.unix_ms, 0)) & low_48;
    kept.machine = static_cast<std::uint8_t>(row.machine);
    kept.from = row.from;
    kept.subject = row.subject & low_48;
    kept.to = row.to;
    kept.cause = static_cast<std::uint8_t>(row.cause);
    kept.decision = row.decision;
}

std::size_t History::size() const noexcept {
    return static_cast<std::size_t>(std::min<std::uint64_t>(count, storage.size()));
}

HistoryRow History::newest(std::size_t age) const noexcept {
    BALLAST_ASSERT(age < size());
    const PackedChange& kept = storage[(count - 1 - age) % storage.size()];
    HistoryRow row;
    row.at = {static_cast<std::int64_t>(kept.at_ms)};
    row.subject = kept.subject;
    row.decision = kept.decision;
    row.machine = static_cast<MachineKind>(kept.machine);
    row.from = static_cast<std::uint8_t>(kept.from);
    row.to = static_cast<std::uint8_t>(kept.to);
    row.cause = static_cast<Cause>(kept.cause);
    return row;
}

}  // namespace ballast::controller
