// What operators ask for, as the HTTP shell hands it to the core, and what the core answers. Every command is
// answered by exactly one Reply in the same step; the end of a job is told by JobChanged actions.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "base/fault.hpp"
#include "base/fixed_vector.hpp"
#include "base/vocabulary.hpp"
#include "controller/core/desktop/records.hpp"
#include "controller/core/records.hpp"

namespace ballast::controller {

enum class CommandKind : std::uint8_t {
    none = 0,
    vm_create,  // spec; `target` is empty; `to`: host, empty: placement
    vm_start,   // an inactive guest that we have a definition of; `to` as above
    vm_pause,
    vm_unpause,
    vm_save,
    vm_restore,
    vm_shutdown,
    vm_destroy,
    vm_migrate,      // `to`: host, empty: placement; `mode`; `copy_storage` with `bandwidth_mbps`
    vm_index,        // fingerprints of its disks
    vm_set_movable,  // `flag`
    vm_forget,       // an inactive guest: its definition and its row
    host_cordon,
    host_uncordon,  // ends a drain too
    host_drain,
    host_forget,  // a host that is down: its row, and what was waiting for it
    plan_create,  // `policy`, `parameters`
    plan_apply,   // `id`
    plan_cancel,  // `id`
    rebalance,    // plan_create and plan_apply in one
    job_cancel,   // `id`
    job_limit,    // `id`, `bandwidth_mbps`: of a migration with storage copy, also while it runs
    pool_create,  // `pool`; desktop pools from here on
    pool_replace,
    pool_targets,  // `target`, `targets`
    pool_enable,
    pool_disable,
    pool_delete,
    private_put,     // `user`, `target`: the pool that the private desktop is made of
    private_delete,  // `user`
    session_open,    // `user`, and `target`: the pool, or `flag`: the user's private desktop; `client`,
                     // `random`
    session_close,   // `id`
};
inline constexpr CommandKind last_command = CommandKind::session_close;
std::string_view to_string(CommandKind) noexcept;  // the word of the HTTP API: "pause", "cordon", "rebalance"

inline constexpr std::int64_t bandwidth_mbps_max = 1'000'000;

struct Command {
    std::uint64_t command_id = 0;  // the shell's; comes back with the Reply
    CommandKind kind = CommandKind::none;
    FixedString<63> target;  // name or uuid of the VM or host
    std::uint64_t id = 0;    // of the plan or job
    bool dry_run = false;    // the decision, no effect
    // The caller asked for it only as long as something is as it was (If-Match), and it is not: refused,
    // unless it is a request that has had its effect before.
    bool precondition_failed = false;
    bool force = false;  // shutdown or destroy a guest that we did not create
    bool flag = false;
    FixedString<63> to;  // name or uuid of the destination host
    MigrationMode mode = MigrationMode::automatic;
    bool copy_storage = false;
    std::uint32_t bandwidth_mbps = 0;
    FixedString<15> policy;  // empty: the configured one
    bool has_parameters = false;
    policy::Parameters parameters;            // when absent: the configured ones
    const wire::GuestSpec* spec = nullptr;    // vm_create; validated by the shell; used during the step only
    const DesktopPoolRecord* pool = nullptr;  // pool_create, pool_replace; likewise
    PoolTargets targets;
    UserName user;
    FixedString<63> client;                // numeric address of the session's client; empty: any
    std::array<std::uint8_t, 8> random{};  // session_open: what its password is made of
    Digest idempotency_key;                // empty: none
    Digest idempotency_body;
};

// The stable names of api.md's problems that the core can answer with.
enum class Slug : std::uint8_t {
    none = 0,
    invalid_request,
    validation_failed,
    not_found,
    state_conflict,
    idempotency_key_reused,
    limit_reached,
    host_unreachable,
    no_capacity,
    precondition_failed,
};
std::string_view to_string(Slug) noexcept;  // "state-conflict"

enum class OutcomeKind : std::uint8_t {
    problem = 0,
    accepted = 1,    // a job was made: 202 (dry run: would be made)
    already_so = 2,  // nothing to do: 200
    changed = 3,     // done at once: 200
    plan = 4,        // a plan was computed (and, for rebalance and apply, started)
    session = 5,     // a session was opened: 201
};

// Why one candidate (a host, a guest) cannot do.
struct Reason {
    Name candidate;
    std::string_view constraint;  // a static word
    double have = 0;
    double need = 0;
};
struct Help {
    Detail change;
    Detail effect;
};

struct Outcome {
    OutcomeKind kind = OutcomeKind::problem;
    Slug slug = Slug::none;
    Fault fault = Fault::none;
    Detail detail;
    bool dry_run = false;
    bool replayed = false;      // answered from an idempotency key
    std::uint64_t job_id = 0;   // 0 on a dry run
    std::uint64_t plan_id = 0;  // 0 on a dry run: the plan is Core::dry_plan()
    std::uint64_t session_id = 0;
    Name pool;                   // of the pool that was addressed or made
    UserName user;               // of the private desktop that was addressed
    Uuid vm_uuid;                // of the guest that was addressed or made
    HostName host;               // of the host that was addressed or chosen
    FixedString<63> pointer;     // validation_failed: the member that is wrong ("/parameters/window")
    FixedString<31> limit_name;  // limit_reached
    std::uint32_t retry_after_seconds = 0;         // no_capacity
    FixedVector<CommandKind, 12> allowed_actions;  // state_conflict
    FixedVector<Reason, 32> reasons;
    std::uint32_t reasons_left_out = 0;
    FixedVector<Help, 4> would_help;
};

}  // namespace ballast::controller
