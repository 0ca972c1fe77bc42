#include "base/vocabulary.hpp"

#include <array>
#include <span>

namespace ballast {
namespace {

// The i-th word is the name of the enumerator with the value i.
constexpr std::array<std::string_view, 9> domain_states{
    "unknown", "running", "paused", "suspended", "powered_off", "rebooting", "crashed", "dying", "absent"};
constexpr std::array<std::string_view, 13> vm_states{
    "unknown",   "inactive", "running",   "paused",   "saved",     "creating", "pausing",
    "unpausing", "saving",   "restoring", "stopping", "migrating", "failed"};
constexpr std::array<std::string_view, 3> vm_kinds{"plain", "common", "private"};
constexpr std::array<std::string_view, 4> guest_types{"unknown", "pv", "pvh", "hvm"};
constexpr std::array<std::string_view, 5> host_states{"down", "up", "suspect", "draining", "cordoned"};
constexpr std::array<std::string_view, hypervisor_calls_count> hypervisor_calls{
    "host_facts", "list",  "find",    "sample",     "pause",       "unpause",      "resume_suspended",
    "rename",     "disks", "console", "guest_read", "guest_write", "watch_guests", "withdraw_suspend"};
constexpr std::array<std::string_view, 16> job_kinds{
    "none",        "create",      "pause",   "unpause",    "save",        "restore",
    "shutdown",    "destroy",     "migrate", "migrate_in", "migrate_out", "disk_create",
    "disk_delete", "golden_keep", "clone",   "image_index"};
constexpr std::array<std::string_view, 5> job_states{"queued", "running", "succeeded", "failed", "cancelled"};
constexpr std::array<std::string_view, 3> migration_modes{"live", "stop_and_copy", "automatic"};

template <class Enum>
constexpr std::string_view word(std::span<const std::string_view> words, Enum value) noexcept {
    const auto index = static_cast<std::size_t>(value);
    return index < words.size() ? words[index] : std::string_view{"invalid"};
}

template <class Enum>
constexpr std::optional<Enum> value_of(std::span<const std::string_view> words,
                                       std::string_view text) noexcept {
    for (std::size_t i = 0; i < words.size(); ++i) {
        if (words[i] == text) {
            return static_cast<Enum>(i);
        }
    }
    return std::nullopt;
}

constexpr bool alphanumeric(char c) noexcept {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

}  // namespace

std::string_view to_string(DomainState value) noexcept {
    return word(domain_states, value);
}
std::string_view to_string(VmState value) noexcept {
    return word(vm_states, value);
}
std::string_view to_string(VmKind value) noexcept {
    return word(vm_kinds, value);
}
std::string_view to_string(GuestType value) noexcept {
    return word(guest_types, value);
}
std::string_view to_string(HypervisorCall value) noexcept {
    return word(hypervisor_calls, value);
}
std::string_view to_string(HostState value) noexcept {
    return word(host_states, value);
}
std::string_view to_string(JobKind value) noexcept {
    return word(job_kinds, value);
}
std::string_view to_string(JobState value) noexcept {
    return word(job_states, value);
}
std::string_view to_string(MigrationMode value) noexcept {
    return word(migration_modes, value);
}

std::optional<VmState> parse_vm_state(std::string_view text) noexcept {
    return value_of<VmState>(vm_states, text);
}
std::optional<HostState> parse_host_state(std::string_view text) noexcept {
    return value_of<HostState>(host_states, text);
}
std::optional<MigrationMode> parse_migration_mode(std::string_view text) noexcept {
    return value_of<MigrationMode>(migration_modes, text);
}
std::optional<GuestType> parse_guest_type(std::string_view text) noexcept {
    return value_of<GuestType>(guest_types, text);
}

bool valid_name(std::string_view text) noexcept {
    if (text.empty() || text.size() > limits::name_bytes_max || !alphanumeric(text.front())) {
        return false;
    }
    for (const char c : text) {
        if (!alphanumeric(c) && c != '.' && c != '_' && c != '-' && c != '+') {
            return false;
        }
    }
    return true;
}

}  // namespace ballast
