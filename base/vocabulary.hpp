// The words that every part of the system shares. Numbers travel on the wire and lie in journals: only
// append.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/fixed_string.hpp"
#include "base/limits.hpp"

namespace ballast {

// Names of hosts, domains, labels. Domain names may carry a suffix while they move (see migration).
using Name = FixedString<limits::name_bytes_max>;
using HostName = Name;
using Path = FixedString<limits::path_bytes_max>;
using Detail = FixedString<limits::detail_bytes_max>;

// What a domain is doing, as Xen tells it, reduced to what matters to a toolstack. Blocked (idle) and
// runnable domains are both `running`. Priority when several hold: dying > shutdown reasons > paused >
// running.
enum class DomainState : std::uint8_t {
    unknown = 0,
    running = 1,
    paused = 2,
    suspended = 3,    // shut down with reason "suspend": being saved or moved, or left over from a failure
    powered_off = 4,  // shut down, memory still held, to be destroyed
    rebooting = 5,    // shut down with reason "reboot": to be destroyed and re-created
    crashed = 6,
    dying = 7,
    absent = 8,  // no such domain (any more)
};

// What the controller shows of a VM. The transitional ones keep an operation's name while it is under way.
enum class VmState : std::uint8_t {
    unknown = 0,
    inactive = 1,
    running = 2,
    paused = 3,
    saved = 4,
    creating = 5,
    pausing = 6,
    unpausing = 7,
    saving = 8,
    restoring = 9,
    stopping = 10,
    migrating = 11,
    failed = 12,
};

enum class VmKind : std::uint8_t { plain = 0, common = 1, personal = 2 };

enum class GuestType : std::uint8_t { unknown = 0, pv = 1, pvh = 2, hvm = 3 };

enum class HostState : std::uint8_t { down = 0, up = 1, suspect = 2, draining = 3, cordoned = 4 };

// The short calls to a hypervisor, which an agent makes on its loop.
enum class HypervisorCall : std::uint8_t {
    host_facts,
    list,
    find,
    sample,
    pause,
    unpause,
    resume_suspended,
    rename,
    disks,
    console,
    guest_read,
    guest_write,
    watch_guests,
    withdraw_suspend
};
inline constexpr std::size_t hypervisor_calls_count = 14;

enum class JobKind : std::uint8_t {
    none = 0,
    create = 1,
    pause = 2,
    unpause = 3,
    save = 4,
    restore = 5,
    shutdown = 6,
    destroy = 7,
    migrate = 8,       // as the controller and its users see it
    migrate_in = 9,    // its part on the destination host
    migrate_out = 10,  // its part on the source host
    disk_create = 11,  // a disk in the store, out of a template
    disk_delete = 12,  // a file of the store
    golden_keep = 13,  // a guest's complete save file is copied into the store, for clones
    clone = 14,        // a domain out of a golden file, under a name and uuid of its own
    image_index = 15,  // the fingerprints of a guest's disks
};

enum class JobState : std::uint8_t { queued = 0, running = 1, succeeded = 2, failed = 3, cancelled = 4 };

enum class MigrationMode : std::uint8_t {
    live = 0,           // pre-copy rounds while the guest runs
    stop_and_copy = 1,  // suspended for the whole transfer
    automatic = 2,      // live where the hypervisor can, else stop-and-copy
};

std::string_view to_string(DomainState) noexcept;
std::string_view to_string(VmState) noexcept;
std::string_view to_string(VmKind) noexcept;
std::string_view to_string(GuestType) noexcept;
std::string_view to_string(HostState) noexcept;
std::string_view to_string(HypervisorCall) noexcept;
std::string_view to_string(JobKind) noexcept;
std::string_view to_string(JobState) noexcept;
std::string_view to_string(MigrationMode) noexcept;

std::optional<VmState> parse_vm_state(std::string_view text) noexcept;
std::optional<HostState> parse_host_state(std::string_view text) noexcept;
std::optional<MigrationMode> parse_migration_mode(std::string_view text) noexcept;
std::optional<GuestType> parse_guest_type(std::string_view text) noexcept;

constexpr bool ended(JobState state) noexcept {
    return state >= JobState::succeeded;
}

// Letters, digits and "._-+", starting with a letter or digit: safe in paths, xenstore and logs.
bool valid_name(std::string_view text) noexcept;

}  // namespace ballast
