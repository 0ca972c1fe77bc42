// The rows of the desktop service's tables.
#pragma once

#include <cstdint>
#include <span>

#include "controller/core/desktop/records.hpp"

namespace ballast::controller {

// How a pool's starts went on one host: what failed there is not tried there again at once.
struct HostTrial {
    std::uint32_t failures = 0;  // in a row
    Instant not_before;
    Fault fault = Fault::none;
};

// What one host can still take, measured once for the placements of a step.
struct HostRoom {
    double cpu = 0;  // utilisation
    std::uint64_t used_mib = 0;
    std::uint64_t may_use_mib = 0;
    std::uint32_t starting = 0;    // desktops that show no load yet
    std::uint32_t operations = 0;  // creations, saves and restores under way
    std::uint32_t of_pool = 0;     // desktops of the pool that is being placed
};

// The proof of the shared store.
struct StoreRound {
    bool under_way = false;
    std::uint32_t writer = UINT32_MAX;  // of this round, or of the last one; none: the mark is there already
    std::uint64_t probe_id = 0;
    Instant until;  // of the round, or no next one before
};

// A golden save file in the shared store, as far as we know: after a restart it is taken to be there, and a
// start out of it tells.
struct GoldenFile {
    bool kept = false;
    bool spoiled = false;              // what lies there cannot be used: deleted before it is made anew
    std::uint32_t maker = UINT32_MAX;  // the desktop whose memory is being kept; none: nothing is under way
    std::uint32_t failures = 0;        // in a row
    Instant retry_at;
};

struct DesktopPoolRow {
    bool in_use = false;
    DesktopPoolRecord record;
    std::uint32_t last_number = 0;  // in the name of its newest desktop
    std::uint32_t failures = 0;     // starts that failed in a row, on all hosts
    Instant retry_at;               // no start before
    GoldenFile golden;              // where its desktops share one
    std::uint64_t failed_ever = 0;
    std::uint64_t denials = 0;
    std::uint64_t grants = 0;
};

// What a desktop that Xen already runs is waited for.
enum class Awaited : std::uint8_t { nothing = 0, boot = 1, wake = 2 };
// What is to follow once it is ready.
enum class Goal : std::uint8_t {
    none = 0,
    save = 1,     // be saved
    discard = 2,  // be destroyed
    build = 3,    // be created: its disks are being made
    golden = 4,   // its memory is being kept as the golden file
};

struct DesktopRow {
    bool in_use = false;
    DesktopRecord record;
    std::uint32_t pool = UINT32_MAX;
    std::uint32_t vm = UINT32_MAX;
    Instant since;     // in this state
    Instant deadline;  // of a transitional state; of a failed one: when clean-up is tried again
    Awaited awaited = Awaited::nothing;
    Goal goal = Goal::none;
    Uuid nonce;  // what its guest is to repeat; nil: was not asked
    Instant nonce_sent;
    bool signalled = false;      // the guest has repeated it
    FixedString<63> address;     // of the guest, by its own word
    Detail trouble;              // why it failed
    bool start_counted = false;  // this start has failed, is counted, and `trouble` says why
    GoldenFile golden;           // its own, where desktops do not share one
    bool cloned = false;         // this generation was made out of a golden file
    bool fresh = false;          // has just booted, and nothing else has happened to it
};

// A session's way to its desktop's console, as the agent tells it.
struct SessionRow {
    bool in_use = false;
    SessionRecord record;
    std::uint32_t desktop = UINT32_MAX;
    Instant deadline;                       // of opening and closing
    std::uint32_t relay_host = UINT32_MAX;  // where a relay was asked for
    bool relay_up = false;
    FixedString<63> relay_address;
    std::uint16_t relay_port = 0;
    // The record's times of these names by the clock that nobody sets: timers run by it. Meaningless while
    // the record has none.
    Instant opened;
    Instant last_used;
    Instant left;
    bool connected = false;
    bool relay_heard = false;  // it was told whether somebody is connected
    std::uint32_t idle_seconds = 0;
    std::uint32_t starts_failed = 0;      // of its private desktop, on one host after the other
    std::uint64_t endpoint_revision = 0;  // grows when the endpoint changes, over restarts too
};

// One change of one state machine, of a guest or of what happens to it.
enum class MachineKind : std::uint8_t {
    guest = 0,
    common = 1,
    personal = 2,
    session = 3,
    job = 4,
    migration = 5
};
std::string_view to_string(MachineKind) noexcept;
std::string_view state_name(MachineKind machine, std::uint8_t state) noexcept;

struct HistoryRow {
    WallTime at;
    std::uint64_t subject = 0;   // id of the session or job; 0: the guest itself
    std::uint64_t decision = 0;  // 0: none was needed
    MachineKind machine = MachineKind::guest;
    std::uint8_t from = 0;
    std::uint8_t to = 0;
    Cause cause = Cause::none;
};
// As it is kept: 48 bits of milliseconds reach into the year 10889, and as many numbers of sessions and jobs
// will not be given.
struct PackedChange {
    std::uint64_t at_ms : 48;
    std::uint64_t machine : 8;
    std::uint64_t from : 8;
    std::uint64_t subject : 48;
    std::uint64_t to : 8;
    std::uint64_t cause : 8;
    std::uint64_t decision;
};
static_assert(sizeof(PackedChange) == 24, "every guest has a list of these");

// The newest changes of one guest; its storage lies in the arena.
struct History {
    std::span<PackedChange> storage;
    std::uint64_t count = 0;  // ever

    void add(const HistoryRow& row) noexcept;
    std::size_t size() const noexcept;
    // Age 0 is the newest. REQUIRES: age < size().
    HistoryRow newest(std::size_t age) const noexcept;
};

}  // namespace ballast::controller
