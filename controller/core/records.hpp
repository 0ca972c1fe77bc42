// What outlives the controller's process: plain structs that the shell's store writes when an action says so
// and hands back through Core::restore_* at the next start. Times that must survive are wall times. The store
// versions its schema; the enumerators here are frozen: only append.
#pragma once

#include <array>
#include <cstdint>
#include <type_traits>

#include "base/fault.hpp"
#include "base/instant.hpp"
#include "base/uuid.hpp"
#include "base/vocabulary.hpp"
#include "policy/policy.hpp"
#include "proto/messages.hpp"

namespace ballast::controller {

// Who this controller is. Made once per store: job ids and migration ids must never repeat, or an agent would
// take a new order for one that it has already carried out.
struct Identity {
    Uuid store_id;  // random, made by the shell with the store
    std::uint64_t next_job_id =
        0;  // the shell gives max(stored id + 1); a new store begins at first_job_id()
    std::uint64_t next_plan_id = 1;
    std::uint64_t next_session_id = 1;  // agents know sessions by their ids: never reused either
    bool store_marked = false;          // the store that all hosts share bears our mark (store_proof.cpp)
};
// Seconds of the calendar: a controller whose store was lost does not reuse the ids of the lost one.
constexpr std::uint64_t first_job_id(WallTime created) noexcept {
    return created.unix_ms > 0 ? static_cast<std::uint64_t>(created.unix_ms) / 1000 : 1;
}

struct HostRecord {
    HostName name;
    Uuid uuid;
    bool cordoned = false;
    bool draining = false;
    WallTime first_seen;
};

// What we must remember of a guest. Guests that were only found, and never moved or marked, have no record.
struct VmRecord {
    Uuid uuid;
    Name name;
    VmKind kind = VmKind::plain;
    bool ours = false;  // created by us: shutdown and destroy need no force
    bool movable = true;
    HostName last_host;
    WallTime last_moved;  // 0: never
    HostName came_from;   // where its last move took it away from; empty: unknown
    WallTime started;     // 0: it ran already when it was found
};

enum class JobOrigin : std::uint8_t {
    operator_request = 0,
    plan = 1,
    balancing = 2,
    drain = 3,
    pool = 4,     // a pool's targets and timers
    session = 5,  // somebody logged in or out
};
std::string_view to_string(JobOrigin) noexcept;

// One agent's part of a job. A job that is no migration has one (the source side).
enum class SideState : std::uint8_t {
    unused = 0,   // no order for this side (yet)
    ordered = 1,  // the order is on its way, or will be sent again when the agent is back
    working = 2,  // the agent has answered
    ready = 3,    // migrate_in: prepared, the source may connect
    ended = 4,    // the final result is here, and on disk
    acked = 5,    // the agent was told to forget it
    lost = 6,     // given up: the host was removed from the pool
};
std::string_view to_string(SideState) noexcept;

struct JobSide {
    HostName host;
    SideState state = SideState::unused;
    JobState result = JobState::queued;  // once ended
    Fault fault = Fault::none;
    FixedString<31> step_name;  // of the agent's state machine
};

struct JobRecord {
    std::uint64_t id = 0;
    JobKind kind = JobKind::none;  // as its user sees it: migrate, never migrate_in or migrate_out
    JobOrigin origin = JobOrigin::operator_request;
    JobState state = JobState::queued;
    Uuid vm_uuid;
    Name vm_name;
    JobSide source;       // the host that acts; of a migration the one that sends
    JobSide destination;  // migrations only
    Uuid migration_id;
    MigrationMode mode = MigrationMode::automatic;  // asked for; the mode used once ended
    std::uint64_t memory_mib = 0;
    FixedVector<DomainState, 8> expected_states;
    std::uint32_t percent = 0;
    Fault fault = Fault::none;
    Detail detail;
    bool cancel_asked = false;
    std::uint64_t plan_id = 0;  // 0: no plan's move
    WallTime created;
    WallTime deadline;  // of the controller
    WallTime ended;     // 0: under way
    // Effect of a migration
    std::uint64_t memory_bytes = 0;
    std::uint64_t wire_bytes = 0;
    std::uint32_t downtime_ms = 0;
    std::uint32_t total_ms = 0;
    std::uint32_t rounds = 0;
    wire::Compression compression = wire::Compression::none;
    // A migration that takes the disk images along, and what of them has travelled
    bool copy_storage = false;
    std::uint32_t bandwidth_mbps = 0;  // 0: no limit
    std::uint64_t image_bytes = 0;
    std::uint64_t image_done_bytes = 0;
    std::uint64_t image_wire_bytes = 0;
    std::uint32_t image_rounds = 0;
    std::uint64_t time_left_ms = 0;  // not stored: true for a moment
    // Of memory_bytes, pages that did not travel because the destination has them
    std::uint64_t referenced_bytes = 0;
};

enum class PlanState : std::uint8_t { ready = 0, applying = 1, done = 2, cancelled = 3 };
enum class MoveState : std::uint8_t {
    pending = 0,
    running = 1,
    succeeded = 2,
    failed = 3,
    skipped = 4,
    cancelled = 5
};
// What became of a plan's prediction.
enum class PredictionState : std::uint8_t {
    none = 0,      // nothing was moved, or the plan is not over
    open = 1,      // the moves are done; the window that shows their effect is not over
    compared = 2,  // with what was measured then: PlanHostLoad::measured
    missed = 3,    // every host had other moves or starts, or no full window
};
std::string_view to_string(PlanState) noexcept;
std::string_view to_string(PredictionState) noexcept;
std::string_view to_string(MoveState) noexcept;

struct PlanMove {
    policy::MoveKind kind = policy::MoveKind::migrate;
    MoveState state = MoveState::pending;
    Uuid vm_uuid;
    Name vm_name;
    HostName from;
    HostName to;
    // Swap: the guest that goes the other way. Every guest of a swap is a move of its own.
    Uuid with_uuid;
    Name with_name;
    std::uint64_t memory_mib = 0;
    double vm_cpu_cores = 0;
    std::uint64_t job_id = 0;
    Detail why;
    Detail outcome;  // why it was skipped or failed
    // By the model of policy/planner/transfer.hpp; 0: not predicted (the downtime of a guest that has not
    // been moved before, for what it writes is not known).
    double expected_seconds = 0;
    double expected_downtime_seconds = 0;
    std::uint32_t took_ms = 0;  // 0: it did not succeed
    std::uint32_t downtime_ms = 0;
};
struct PlanRejection {
    Name vm;      // may be empty: the whole host was passed over
    HostName to;  // may be empty
    policy::Constraint constraint = policy::Constraint::destination_memory;
    double have = 0;
    double limit = 0;
};
struct PlanHostLoad {
    HostName host;
    policy::HostLoad before;
    policy::HostLoad after;
    bool unresolved = false;
    // What was measured when the plan had been carried out: means over the plan's window, all of it after the
    // last move. Only of a host on which nothing but the plan's moves has happened, and all of those.
    bool compared = false;
    policy::HostLoad measured{};
};
struct PoolSpread {
    double cpu_stddev = 0;
    double memory_stddev = 0;
    double net_stddev = 0;
    double disk_stddev = 0;
    double memory_used_stddev = 0;
};
// How long the policy was asked to search, may search on the controller's loop, and whether that was enough.
// 0 ms: until nothing improves.
struct Search {
    std::uint32_t asked_ms = 0;
    std::uint32_t allowed_ms = 0;
    policy::SearchEnd end = policy::SearchEnd::none;  // none: it does not search, or nobody took note
};

struct PlanRecord {
    std::uint64_t id = 0;
    PlanState state = PlanState::ready;
    JobOrigin origin = JobOrigin::operator_request;
    FixedString<15> policy;
    policy::Parameters parameters;
    HostName source;  // the host that it relieves; empty: none
    WallTime created;
    WallTime ended;  // 0: not yet
    std::uint32_t moves = 0;
    std::uint32_t rejected = 0;
    std::uint32_t rejected_left_out = 0;
    std::uint32_t hosts = 0;
    PoolSpread before;
    PoolSpread after;
    Detail conclusion;  // one sentence
    Search search;
    PredictionState prediction = PredictionState::none;
    WallTime measured_at;  // 0: not compared
    PoolSpread measured;   // of all hosts that were up then
};
// How many guests each rule kept from moving, and how many hosts from giving guests away. By
// policy::Constraint. Kept with plans; of decisions, like all else of them, not over a restart.
struct RuleCounts {
    std::array<std::uint32_t, policy::constraint_count> vms{};
    std::array<std::uint32_t, policy::constraint_count> hosts{};
};
// Those of one rule, as the store writes and reads them.
struct PlanRule {
    policy::Constraint rule{};
    std::uint32_t vms = 0;
    std::uint32_t hosts = 0;
};
// A plan with its lists, as the core keeps it and as the store writes and reads it.
struct PlanView {
    PlanRecord record;
    std::span<const PlanMove> moves;
    std::span<const PlanRejection> rejected;
    std::span<const PlanHostLoad> hosts;
    RuleCounts by_rule{};
};

// How far predictions were off, of all pairs of a prediction and a measured value that there are.
struct ErrorSum {
    double sum = 0;
    std::uint64_t count = 0;

    void add(double error) noexcept {
        sum += error;
        ++count;
    }
    double mean() const noexcept { return count == 0 ? 0 : sum / static_cast<double>(count); }
};
struct PredictionError {
    // Absolute differences of utilisations, of the hosts that were compared.
    ErrorSum cpu;
    ErrorSum memory;
    ErrorSum net;
    ErrorSum disk;
    ErrorSum memory_used;
    // |predicted - real| / real, of the moves that succeeded.
    ErrorSum duration;
    ErrorSum downtime_seconds;  // absolute
};
// predictions.cpp
PredictionError prediction_error(const PlanView& plan) noexcept;

// 128-bit digests, made by the shell (of the key with its owner; of method, path and body).
struct Digest {
    std::uint64_t high = 0;
    std::uint64_t low = 0;
    friend constexpr bool operator==(const Digest&, const Digest&) noexcept = default;
    constexpr bool empty() const noexcept { return high == 0 && low == 0; }
};

// The first effect of a request with an idempotency key. Refusals are not kept: they had no effect, and the
// same request may be granted later.
enum class Effect : std::uint8_t { already_so = 0, job = 1, plan = 2, changed = 3, session = 4 };
struct IdempotencyRecord {
    Digest key;
    Digest body;
    WallTime expires;
    Effect effect = Effect::already_so;
    std::uint64_t job_id = 0;
    std::uint64_t plan_id = 0;
    std::uint64_t session_id = 0;
};

static_assert(std::is_trivially_copyable_v<HostRecord> && std::is_trivially_copyable_v<VmRecord> &&
              std::is_trivially_copyable_v<JobRecord> && std::is_trivially_copyable_v<PlanRecord> &&
              std::is_trivially_copyable_v<PlanMove> && std::is_trivially_copyable_v<IdempotencyRecord>);

}  // namespace ballast::controller
