// What happens to the agent's core, and what it wants done. Plain values: the shell performs actions in their
// order and answers each persist, look, call and file action with one event BEFORE it delivers any event from
// outside (a worker's report, an order, a tick): a job never sees the world change between asking and
// hearing.
#pragma once

#include <cstdint>
#include <variant>

#include "agent/core/record.hpp"
#include "agent/core/truth.hpp"
#include "base/fixed_vector.hpp"

namespace ballast::agent {

// Names one worker process for the time of one agent process. 0: none. Ids of workers that the core starts
// have the highest bit clear, ids of workers that the shell starts for incoming connections have it set.
using WorkerId = std::uint32_t;
inline constexpr WorkerId no_worker = 0;
inline constexpr WorkerId incoming_worker_bit = 0x80000000u;

// ---- events ----

struct OrderEvent {
    const wire::JobOrder& order;  // for the time of the step
};
struct CancelEvent {
    std::uint64_t job_id = 0;
};
struct LimitEvent {
    std::uint64_t job_id = 0;
    std::uint32_t bandwidth_mbps = 0;
};
struct AckEvent {
    std::uint64_t job_id = 0;
};
struct LinkUpEvent {};  // to the controller; it is told all jobs again

// Answers. `row` is the one of the action.
struct PersistedEvent {
    std::uint32_t row = 0;
    bool ok = false;
};
struct TruthEvent {
    std::uint32_t row = 0;
    const Truth& truth;
};
struct CalledEvent {
    std::uint32_t row = 0;
    Fault fault = Fault::none;
    Detail detail;
};
struct FiledEvent {
    std::uint32_t row = 0;
    Fault fault = Fault::none;
};

enum class WorkerNews : std::uint8_t {
    progress = 0,
    done = 1,      // the operation has succeeded; the worker ends by itself unless a hand-over follows
    failed = 2,    // with fault and detail; a receiving worker keeps its connection to say `aborted`
    accepted = 3,  // source: the destination takes the guest; waits for `go`
    ready = 4,     // source: image sent, guest suspended, destination restored; waits for `commit`
    started = 5,   // source: it runs there
    aborted = 6,   // source: the destination has destroyed its copy
    restored = 7,  // destination: complete and paused; waits for `ready`
    commit = 8,    // destination: the right to run has come
    verdict = 9,   // asking worker: what became of the migration
    copied = 10,   // source: the images are there but for what the guest still writes; waits for `go`
    fetched = 11,  // destination: the same; waits for `go`
};
struct WorkerEvent {
    WorkerId worker = no_worker;
    WorkerNews news = WorkerNews::progress;
    Fault fault = Fault::none;
    Detail detail;
    Effect effect;
    Uuid journal_id;                                 // accepted
    wire::Verdict verdict = wire::Verdict::unknown;  // verdict
    // failed: whether the guest may have been asked to suspend itself, which it may still do.
    bool suspend_asked = true;
    std::array<std::uint64_t, limits::disks_per_domain_max> file_ids{};  // fetched: of record.disks
};
// The process is gone, for whatever reason. Always the last word of a worker.
struct WorkerGoneEvent {
    WorkerId worker = no_worker;
    Detail detail;  // how it ended, when that says something
};
// A worker that holds an incoming connection has read its first message. `peer_name` is from the certificate;
// empty on plain TCP.
struct IncomingOpenEvent {
    WorkerId worker = no_worker;
    HostName peer_name;
    wire::MigrationOpen open;
};
struct IncomingAskEvent {
    WorkerId worker = no_worker;
    HostName peer_name;
    wire::MigrationAsk ask;
};
// By way of the controller.
struct QueryEvent {
    wire::HandoverQuery query;
};
struct AnswerEvent {
    wire::HandoverAnswer answer;
};
struct TickEvent {};  // time has passed; not before Core::next_wake()

using Event = std::variant<OrderEvent, CancelEvent, LimitEvent, AckEvent, LinkUpEvent, PersistedEvent,
                           TruthEvent, CalledEvent, FiledEvent, WorkerEvent, WorkerGoneEvent,
                           IncomingOpenEvent, IncomingAskEvent, QueryEvent, AnswerEvent, TickEvent>;

// ---- actions ----

enum class ActionKind : std::uint8_t {
    persist,       // core.record(row) onto the disk; one at stage `none` off it; answer: PersistedEvent
    forget,        // delete the record of `job_id`
    look,          // at core.record(row).uuid; answer: TruthEvent. With `survey` all of Truth, otherwise only
                   // `domain` and the three files need be filled in
    call,          // `call` on that domain; answer: CalledEvent
    file,          // `file` on that uuid's save file; answer: FiledEvent
    start_worker,  // `worker` for `op`, on core.record(row); core.order(row) for create
    tell_worker,   // `tell` to `worker`
    kill_worker,   // SIGKILL; a WorkerGoneEvent follows when it is gone
    report,        // core.update(row) to the controller
    refuse,        // an order that is not even begun: job_id, job, uuid, fault, detail to the controller
    ask_controller,     // core.query(row) to the controller
    answer_controller,  // migration_id, host, verdict
};

enum class Call : std::uint8_t {
    pause,
    unpause,
    resume,
    resume_late,       // `state_conflict` when somebody else has asked the guest to suspend itself since
    withdraw_suspend,  // succeeds when the guest will not suspend itself any more
    rename_away,
    rename_back,
    rename_final
};
enum class FileStep : std::uint8_t {
    discard_partial,   // delete FILE.tmp
    publish,           // FILE.tmp -> FILE
    discard_complete,  // delete FILE
    consume,           // FILE -> FILE.consumed
    discard_consumed,  // delete FILE.consumed
    retract_images,    // record.disks: those that came under their final names get temporary ones again
    retire_images,     // record.disks: renamed, because the guest has left with them
};
// Travels between the agent and its workers of the same build; not durable.
enum class WorkerOp : std::uint8_t {
    create,
    shutdown,
    destroy,
    save,
    restore,
    migrate_out,
    incoming,
    ask,
    disk_create,
    disk_delete,
    disk_discard,
    golden_keep,
    clone,
    store_probe,
    image_index,
    image_sweep
};
enum class Tell : std::uint8_t {
    go,       // source: send the image
    commit,   // source: give the right to run away
    accept,   // destination: take the image
    refuse,   // destination: say no to what was opened, with fault and detail, and end
    ready,    // destination: say that it is restored
    started,  // destination: say that it runs, and end
    aborted,  // destination: say that no copy is left here, with fault and detail, and end
    verdict,  // asked one: say it, and end
    limit,    // source: bandwidth_mbps of the images has changed
};

struct Action {
    ActionKind kind = ActionKind::report;
    std::uint32_t row = 0;
    bool survey = false;
    WorkerId worker = no_worker;
    Call call = Call::pause;
    FileStep file = FileStep::publish;
    WorkerOp op = WorkerOp::create;
    bool again = false;  // start_worker: one of this job has been here before, and its end was not seen
    Tell tell = Tell::go;
    wire::Verdict verdict = wire::Verdict::unknown;
    Fault fault = Fault::none;
    Detail detail{};
    std::uint64_t job_id = 0;
    JobKind job = JobKind::none;
    Uuid uuid{};
    Uuid migration_id{};
    HostName host{};
};

// The most that one step can ask for: a tick or a new link concerns every job, with at most three actions
// each.
inline constexpr std::size_t actions_max = 3 * limits::agent_jobs_max + 8;
using Actions = FixedVector<Action, actions_max>;

}  // namespace ballast::agent
