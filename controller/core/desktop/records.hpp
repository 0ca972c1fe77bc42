// What outlives the controller's process of the desktop service (see ../records.hpp for the rules).
// Enumerators are frozen: only append.
#pragma once

#include <array>
#include <cstdint>
#include <type_traits>

#include "base/fixed_vector.hpp"
#include "base/instant.hpp"
#include "base/uuid.hpp"
#include "base/vocabulary.hpp"
#include "controller/core/desktop/states.hpp"
#include "proto/messages.hpp"

namespace ballast::controller {

using UserName = Name;

// What becomes of a common desktop when its session ends.
enum class AfterSession : std::uint8_t {
    ready = 0,  // the VDS paper's way: it goes back to the pool as it is
    reset = 1,  // the next user gets a pristine one
};
std::string_view to_string(AfterSession) noexcept;

// Spares that a pool keeps in each tier, and how many desktops it may have in all, those in use included.
struct PoolTargets {
    std::uint32_t ready = 0;
    std::uint32_t paused = 0;
    std::uint32_t saved = 0;
    std::uint32_t max = 0;

    constexpr std::uint32_t spares() const noexcept { return ready + paused + saved; }
    friend constexpr bool operator==(const PoolTargets&, const PoolTargets&) noexcept = default;
};

// How a session's user reaches the desktop.
enum class Console : std::uint8_t {
    none = 0,    // not at all, as far as we know
    relay = 1,   // Xen's console of the guest, through a relay of its host's agent
    direct = 2,  // where the guest says that it is, or where Xen offers its console
};
std::string_view to_string(Console) noexcept;

// How a pool's desktops and their sessions live. Zero seconds: never.
struct PoolRules {
    AfterSession after_session = AfterSession::reset;
    Console console = Console::none;
    bool guest_signals = false;  // its guests run ballast-guest: boot and wake are complete when they say so
    std::uint32_t pause_after_seconds = 0;
    std::uint32_t save_after_seconds = 0;
    std::uint32_t paused_max_seconds = 0;  // older ones are woken, so that no guest stands still for days
    std::uint32_t session_max_seconds = 0;
    std::uint32_t session_idle_seconds = 0;
    std::uint32_t disconnect_seconds = 0;  // a session that nobody is connected to
    std::uint32_t boot_timeout_seconds = 120;
    std::uint32_t shutdown_grace_seconds = 60;  // private desktops: from shutdown to destroy
    friend constexpr bool operator==(const PoolRules&, const PoolRules&) noexcept = default;
};

// A disk that is made for a private desktop before it is created for the first time.
struct VolumeRule {
    std::uint8_t disk = 0;  // index in the guest's disks
    wire::VolumeSource source = wire::VolumeSource::overlay;
    Path template_path;            // of overlay and copy
    std::uint64_t size_bytes = 0;  // 0: as large as the template
    friend constexpr bool operator==(const VolumeRule&, const VolumeRule&) noexcept = default;
};
inline constexpr std::size_t volumes_per_desktop_max = 2;

// A pool of common desktops, or (kind personal) what private desktops are made of.
struct DesktopPoolRecord {
    Name name;
    VmKind kind = VmKind::common;
    bool enabled = true;
    bool closing = false;  // being deleted: its desktops are removed, then itself
    PoolTargets targets;
    PoolRules rules;
    // Without name and uuid. In paths and the command line "{desktop}" stands for the desktop's name and
    // "{user}" for its owner's.
    wire::GuestSpec guest;
    FixedVector<VolumeRule, volumes_per_desktop_max> volumes;  // private: the disks that we make
    FixedString<255> data_share;  // told to the guest, "{user}" as above; empty: none
    WallTime created;
};

struct DesktopRecord {
    Uuid uuid;
    Name name;
    Name pool;
    VmKind kind = VmKind::common;
    UserName user;  // private: its owner
    DesktopState state = DesktopState::inactive;
    WallTime since;
    std::uint64_t generation = 0;  // how often it was created: no user gets the generation of another
    bool used = false;             // a session has had this generation
    std::uint32_t volumes = 0;     // private: how many of the pool's volumes have been made
    std::uint64_t session = 0;     // that holds it
};

struct SessionRecord {
    std::uint64_t id = 0;
    UserName user;
    Name pool;
    bool personal = false;
    SessionState state = SessionState::opening;
    Uuid desktop;
    Name desktop_name;
    DesktopState taken_from = DesktopState::inactive;  // the tier that granted it
    Cause ended_by = Cause::none;
    Detail detail;  // why it ended, or could not open
    wire::VncPassword password;
    FixedString<63> client_address;  // only from there; empty: from anywhere
    std::uint64_t decision = 0;
    WallTime requested;
    WallTime opened;     // 0: not yet
    WallTime last_used;  // input seen, or opened
    WallTime left;       // nobody connected since; 0: somebody is, or it is not known
    WallTime ended;      // 0: not yet
};

static_assert(std::is_trivially_copyable_v<DesktopPoolRecord> &&
              std::is_trivially_copyable_v<DesktopRecord> && std::is_trivially_copyable_v<SessionRecord>);

}  // namespace ballast::controller
