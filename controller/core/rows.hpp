// The rows of the controller's tables. The shell reads them (const) to answer GETs; only the core writes
// them.
#pragma once

#include <cstdint>
#include <span>

#include "base/fixed_vector.hpp"
#include "base/instant.hpp"
#include "controller/core/desktop/rows.hpp"
#include "controller/core/destinations.hpp"
#include "controller/core/events.hpp"
#include "controller/core/records.hpp"
#include "policy/pool_model.hpp"

namespace ballast::controller {

inline constexpr std::uint32_t no_row = UINT32_MAX;

// The last samples, oldest first, in arena memory: contiguous, because policies take spans. Of all that is
// kept of a guest they are the most, hence floats.
struct SampleSeries {
    std::span<float> storage;
    std::uint32_t size = 0;

    void push(double value) noexcept;
    void clear() noexcept { size = 0; }
    policy::Series values() const noexcept { return std::span<const float>{storage.first(size)}; }
};

enum class LinkState : std::uint8_t { awaiting_hello = 0, accepted = 1, closed = 2 };
std::string_view to_string(LinkState) noexcept;
struct LinkRow {
    bool in_use = false;
    LinkId id = 0;
    LinkState state = LinkState::awaiting_hello;
    bool tls = false;
    HostName certificate_name;
    FixedString<63> remote_address;
    Instant since;
    std::uint32_t host = no_row;
};

struct HostRow {
    bool in_use = false;
    HostRecord record;
    LinkId link = 0;                    // 0: its agent is not connected
    Instant link_changed;               // when its agent connected or was lost
    bool inventory_known = false;       // a HostReport has come since the agent connected
    bool degraded = false;              // its hypervisor or xenstore does not answer
    HostState state = HostState::down;  // as shown: draining and cordoned only while it is up
    Detail state_reason;
    WallTime since;  // it is in this state
    FixedString<63> software;
    FixedString<63> migration_address;
    std::uint16_t migration_port = 0;
    std::uint32_t agent_jobs_max = 0;
    bool watches_life = false;  // its agent can tell signs of life of a guest that says nothing itself
    std::uint64_t agent_boot_ms = 0;
    // From the last HostReport
    std::uint32_t cpu_count = 0;
    std::uint64_t memory_mib = 0;
    std::uint64_t memory_free_mib = 0;  // measured
    std::uint64_t memory_overhead_mib =
        0;  // dom0 and hypervisor: all memory that is neither free nor a guest's
    bool can_pv = false;
    bool can_hvm = false;
    bool can_hap = false;
    bool can_shadow = false;
    FixedString<47> hypervisor_version;
    FixedString<15> hypervisor_kind;
    std::uint32_t net_mbps = 0;
    Path store_path;  // of the store that all hosts share; empty: it has none
    bool store_proven = false;
    std::uint64_t store_free_mib = 0;
    bool takes_images = false;  // its agent has a directory for disk images
    std::uint64_t report_sequence = 0;
    // From the samples
    wire::AgentFigures agent;  // of the agent's own process, as it told last
    std::uint64_t sample_sequence = 0;
    Instant last_sample;         // meaningless while samples == 0
    WallTime last_sample_taken;  // by the host's clock
    std::uint64_t samples = 0;   // since the agent connected
    SampleSeries dom0_cpu_cores;
    SampleSeries net_mbps_used;
    // Derived in every step that touches them
    std::uint32_t migrations_in = 0;
    std::uint32_t migrations_out = 0;
    std::uint32_t open_jobs = 0;  // sides whose agent still has to forget them
    std::uint32_t guests = 0;
    std::uint32_t first_seen_guest = no_row;  // of the list of guests that it speaks of
    std::uint32_t first_guest = no_row;       // of the list of guests that are on it
};

// What one host says of a guest.
struct Sighting {
    std::uint32_t host = no_row;
    bool saved = false;  // lies there in a complete save file
    wire::InFlight in_flight = wire::InFlight::no;
    DomainState state = DomainState::unknown;
    std::uint32_t domid = 0;
    std::uint32_t memory_mib = 0;
    std::uint32_t vcpus = 0;
    FixedString<63> console_address;
    std::uint16_t console_port = 0;
    // The list of all guests that this host speaks of (sightings.cpp): rows of its neighbours there.
    std::uint32_t next = no_row;
    std::uint32_t previous = no_row;
};
static_assert(sizeof(Sighting) <= 96, "every guest has room for several of these");
// The two hosts of a move, and one that has not been heard for long.
inline constexpr std::size_t sightings_per_vm_max = 3;

// Why a guest is shown in its state, where the state alone does not say it.
enum class VmReason : std::uint8_t {
    none,
    job,               // an operation is under way
    not_reported,      // restored, and no host has reported it yet
    not_all_reported,  // the same, and some hosts are not connected
    host_away,
    departing,  // its right to run was given away, and no answer has come
    incoming,   // a copy arrives whose source is not connected
    suspended,
    shut_down,
    crashed,
    not_told,
    claimed_twice,  // by two hosts, for longer than reports may cross
    maybe_claimed_twice,
};

// Small fields beside each other: there are up to 100,000 rows.
struct VmRow {
    bool in_use = false;
    bool recorded = false;  // the record is in the store
    GuestType type = GuestType::unknown;
    VmState state = VmState::unknown;        // as shown
    VmReason state_reason = VmReason::none;  // in words: state_reason(), vm_view.cpp
    DomainState domain_state = DomainState::absent;
    std::uint16_t console_port = 0;
    bool unconfirmed =
        false;               // restored, and no host has reported it yet while some have not reported at all
    bool duplicate = false;  // executes on two hosts by their own reports: nothing is done with it
    bool duplicate_suspected = false;
    bool may_run_on = false;  // suspended, and its host may still let it run on
    std::uint32_t vcpus = 0;
    VmRecord record;
    FixedVector<Sighting, sightings_per_vm_max> sightings;
    std::uint32_t host = no_row;       // where it is (runs, or lies saved); of a guest in flight the source
    std::uint32_t next_here = no_row;  // neighbours in the host's list of guests
    std::uint32_t previous_here = no_row;
    std::uint32_t job = no_row;  // the open job
    std::uint32_t definition = no_row;
    std::uint32_t desktop = no_row;  // the desktop that it is; such a guest is not forgotten
    std::uint64_t memory_mib = 0;
    Instant duplicate_since;
    Instant suspended_since;
    History history;
    WallTime inactive_since;          // 0: not inactive
    double dirty_mib_per_second = 0;  // as its last migration found it; 0: unknown
    WallTime move_not_before;  // after a failed try to move it: no policy and no drain tries again before
    SampleSeries cpu_cores;
    SampleSeries net_mbps;
    SampleSeries disk_mbps;
    SampleSeries memory_used_mib;
};

// Where its VNC server listens, by the word of the host that it is on; empty: not known.
std::string_view console_address(const VmRow& vm) noexcept;

struct JobRow {
    bool in_use = false;
    JobRecord record;
    std::uint32_t vm = no_row;
    std::uint32_t source_host = no_row;
    std::uint32_t destination_host = no_row;
    Instant deadline;
    Instant source_heard;  // the last word of each side\'s agent
    Instant destination_heard;
    std::uint32_t move = no_row;  // index in the plan's moves
    bool awaits_peer = false;  // the source is told to begin once the destination has said where it listens
    Cause cause = Cause::job_begun;
    // "queued", "preparing", "transferring", "ended"... for people
    std::string_view step() const noexcept;
    // Neither side has anything left to say: the row may be reused.
    bool settled() const noexcept;
    // Of a migration: where its guest takes memory beside the host that it is on (`no_row`: none that is
    // known).
    std::uint32_t other_host(std::uint32_t its_host) const noexcept {
        return its_host == destination_host ? source_host : destination_host;
    }
};

struct DefinitionRow {
    bool in_use = false;
    wire::GuestSpec spec;
};

struct IdempotencyRow {
    bool in_use = false;
    IdempotencyRecord record;
};

struct PlanRow {
    bool in_use = false;
    PlanRecord record;
    std::span<PlanMove> moves;          // record.moves of them are valid
    std::span<PlanRejection> rejected;  // record.rejected
    std::span<PlanHostLoad> hosts;      // record.hosts
    RuleCounts by_rule;
    Instant compare_from;  // prediction open: not before, when the window after the last move is over

    PlanView view() const noexcept {
        return {record, moves.first(record.moves), rejected.first(record.rejected), hosts.first(record.hosts),
                by_rule};
    }
};

enum class DecisionKind : std::uint8_t {
    no_overload,    // no up host is at or above the critical load
    no_move,        // a host is, but every candidate was rejected
    planned,        // see the plan
    waiting,        // an earlier plan is still being carried out; the last that is about balancing
    placed,         // a destination was chosen for one guest
    not_placed,     // none could take it
    drained_guest,  // a guest was sent away from a draining host
    session_granted,
    session_denied,
    desktop_started,      // a pool got one more
    desktop_not_started,  // it should have, and could not
};
std::string_view to_string(DecisionKind) noexcept;

// A tick that decides the same as the one before adds no row but counts in `repeated`.
struct DecisionRow {
    std::uint64_t id = 0;  // from 1, grows; not kept over a restart
    WallTime at;
    WallTime last_repeated;
    std::uint64_t repeated = 0;
    DecisionKind kind = DecisionKind::no_overload;
    JobOrigin origin = JobOrigin::balancing;
    FixedString<15> policy;
    HostName source;        // the overloaded host
    double source_cpu = 0;  // its utilisation
    double critical_load = 0;
    Name vm;          // placed, not_placed, drained_guest
    HostName chosen;  // the destination
    std::uint64_t plan_id = 0;
    std::uint64_t job_id = 0;
    std::uint64_t session_id = 0;
    Name pool;  // of desktops
    Detail why;
    FixedVector<Destination, 8> destinations;  // ranked, of a migration with the images
    FixedVector<PlanRejection, 8> rejected;
    std::uint32_t rejected_left_out = 0;
    RuleCounts by_rule;  // of the round that it sums up; none: zeros
    Search search;       // likewise
};

// A sample of what disk images hold, as an agent told it (sketches.cpp).
struct SketchRow {
    bool in_use = false;
    std::uint32_t host = no_row;  // that told it
    std::uint32_t vm = no_row;    // whose images; none: all that an incoming image may be copied from there
    std::uint32_t images = 0;
    std::uint64_t image_bytes = 0;
    std::uint64_t data_blocks = 0;
    std::uint64_t distinct = 0;
    std::uint32_t compressed_permille = 0;     // 0: not measured
    std::uint64_t read_bytes_per_second = 0;   // 0: not measured
    std::uint64_t write_bytes_per_second = 0;  // of a host's; likewise
    WallTime built;
    std::span<std::uint64_t> storage;
    std::uint32_t keys = 0;  // in `storage`, ascending
};

// A question about a hand-over that passes through the controller.
struct HandoverRow {
    bool in_use = false;
    Uuid migration_id;
    std::uint32_t source_host = no_row;
    std::uint32_t destination_host = no_row;
    Instant asked;
};

}  // namespace ballast::controller
