// The agent's pure core: admits jobs, keeps their records, decides each step by looking at what is true, and
// hands guests over by docs/migration.md. No I/O, clock, heap or randomness: the shell performs the actions
// (events.hpp).
//
// How a job goes on: its stage is persisted; then a worker runs or a short call is made; after every end of
// either, the core looks at the domain and `decide`s from stage and truth alone. A restarted agent does the
// same with the records that it finds, so recovery is not a second program.
#pragma once

#include <optional>
#include <span>

#include "agent/core/events.hpp"
#include "base/arena.hpp"
#include "base/result.hpp"
#include "base/table.hpp"

namespace ballast::agent {

struct CoreSettings {
    HostName host_name;
    std::uint32_t jobs_max = limits::agent_jobs_max;
    Uuid journal_id;                        // of this journal; random when it was begun
    std::uint64_t memory_reserved_kib = 0;  // kept free by admission
    Path store_directory;                   // empty: this host has none
    Path images_directory;                  // likewise: where images are that may go along with their guests
};

class Core {
  public:
    Core(Arena& arena, const CoreSettings& settings) noexcept;

    // At start, before anything else: each record of the journal. `limit_reached`, or `invalid_argument` for
    // a record that no version of this program writes.
    Status recover(const JobRecord& record, const Now& now) noexcept;
    // Then once: looks at the domain of every record.
    void start(const Now& now, Actions& out) noexcept;

    // Appends what must be done. A refused order is answered by an action; the fault returned is that
    // refusal, for counting.
    Status step(const Event& event, const Now& now, Actions& out) noexcept;
    // When the next TickEvent is due.
    std::optional<Instant> next_wake() const noexcept;

    // For performing actions; `row` as in the action just returned.
    const JobRecord& record(std::uint32_t row) const noexcept { return rows_[row].record; }
    const wire::JobOrder& order(std::uint32_t row) const noexcept { return orders_[row]; }
    wire::JobUpdate update(std::uint32_t row) const noexcept;
    wire::HandoverQuery query(std::uint32_t row) const noexcept;

    // Whether a migration of this guest is under way or in doubt, for the inventory.
    wire::InFlight in_flight(const Uuid& uuid) const noexcept;
    std::size_t jobs() const noexcept { return rows_.used(); }
    // Memory that guests are being started with: what they have taken of it already included.
    std::uint64_t reserved_kib() const noexcept;
    // How much of that a domain with so much memory has taken: 0 when nothing is reserved for its uuid.
    std::uint64_t taken_kib(const Uuid& uuid, std::uint64_t memory_kib) const noexcept;

  private:
    enum class Waiting : std::uint8_t { nothing, persist, truth, call, file };

    struct Row {
        bool in_use = false;
        JobRecord record;
        Truth truth;  // as last seen; meaningful when `looked`
        bool looked = false;
        Waiting waiting = Waiting::nothing;
        bool retry_persist = false;  // the last attempt failed: again at `wake`
        Stage previous = Stage::none;
        WorkerId worker = no_worker;  // carries out the operation, or holds the peer's connection
        WorkerId helper = no_worker;  // destroys a copy, or asks the destination
        WorkerOp helper_op = WorkerOp::destroy;
        bool killed = false;         // the worker has been killed
        bool worker_ok = false;      // it said `done`, `ready` or `restored`
        bool worker_failed = false;  // it said `failed` and may still hold the connection
        bool helper_ok = false;
        bool told_commit = false;
        // While an image is written: the guest may have been asked to suspend itself, and may still do so
        // when its worker is gone; until `suspension_due` that is waited for. An ended job has one when the
        // guest may still do it: it is looked at until then.
        bool may_suspend = true;
        std::optional<Instant> suspension_due;
        Fault call_fault = Fault::none;  // of the last short call, file step or destruction that failed
        Detail call_detail;
        Call calling = Call::pause;
        bool renamed = false;         // the hand-over's rename has been tried
        bool file_stuck = false;      // a file that should go cannot be deleted
        bool gone = false;            // migrate_in, `refused`: no copy is left here
        bool images_settled = false;  // retracted or retired, as far as that could be done
        bool dial_again = false;      // migrate_out, `copying`: when it wakes
        bool run_again = false;  // a job on a file that a dead agent has begun: its worker is to run again
        bool discarded = false;  // its temporary file has been dealt with
        bool doubtful = false;   // migrate_out: asked, without a settling verdict yet
        std::uint32_t attempts = 0;
        std::uint32_t asks = 0;
        std::optional<Instant> wake;
        Instant deadline;
        Instant next_report;
    };

    // dispatch (core.cpp)
    void on_persisted(std::uint32_t row, bool ok, Actions& out) noexcept;
    void on_persist_failed(std::uint32_t row, Actions& out) noexcept;
    void on_truth(std::uint32_t row, const Truth& truth, Actions& out) noexcept;
    void on_called(const CalledEvent& event, Actions& out) noexcept;
    void on_withdrawn(const CalledEvent& event, Actions& out) noexcept;
    void on_filed(const FiledEvent& event, Actions& out) noexcept;
    void on_worker(const WorkerEvent& event, Actions& out) noexcept;
    void on_worker_failed(std::uint32_t row, const WorkerEvent& event, Actions& out) noexcept;
    void on_accepted(std::uint32_t row, const WorkerEvent& event, Actions& out) noexcept;
    void on_aborted(std::uint32_t row, const WorkerEvent& event, Actions& out) noexcept;
    void on_helper(Row& job, std::uint32_t row, const WorkerEvent& event, Actions& out) noexcept;
    void on_worker_gone(const WorkerGoneEvent& event, Actions& out) noexcept;
    void on_cancel(std::uint64_t job_id, Actions& out) noexcept;
    void on_limit(const LimitEvent& event, Actions& out) noexcept;
    void on_ack(std::uint64_t job_id, Actions& out) noexcept;
    void on_link_up(Actions& out) noexcept;
    void on_tick(Actions& out) noexcept;
    void entered(std::uint32_t row, Actions& out) noexcept;
    void decide(std::uint32_t row, Actions& out) noexcept;
    void decide_ended(std::uint32_t row, Actions& out) noexcept;
    void finished(std::uint32_t row, Actions& out) noexcept;
    void on_helper_gone(std::uint32_t row, Actions& out) noexcept;

    // admission (admission.cpp)
    Status on_order(const wire::JobOrder& order, Actions& out) noexcept;
    void admit(std::uint32_t row, Actions& out) noexcept;
    Fault check_order(const wire::JobOrder& order, Detail& detail) const noexcept;
    Fault check_truth(const Row& row, const wire::JobOrder& order, Detail& detail) const noexcept;
    Fault check_guest(const Row& row, const wire::JobOrder& order, Detail& detail) const noexcept;
    Fault check_images(const wire::JobOrder& order, Detail& detail) const noexcept;
    // Which disks go along; fills row.record.disks.
    Fault choose_disks(Row& row, const wire::JobOrder& order, Detail& detail) const noexcept;
    Fault take_disks(Row& row, const wire::MigrationOpen& open, Detail& detail) const noexcept;
    Fault check_volume(const wire::JobOrder& order, Detail& detail) const noexcept;
    Fault check_store(const Row& row, const wire::JobOrder& order, Detail& detail) const noexcept;
    Fault check_room(const Row& row, std::uint64_t memory_kib, Detail& detail) const noexcept;
    Status refuse(const wire::JobOrder& order, Fault fault, const Detail& detail, Actions& out) noexcept;
    bool busy(const wire::JobOrder& order) const noexcept;
    static std::uint64_t reserved_kib(const Row& job) noexcept;

    // steps shared by all kinds (steps.cpp)
    static Action& act(ActionKind kind, std::uint32_t row, Actions& out) noexcept;
    void enter(std::uint32_t row, Stage stage, Actions& out) noexcept;
    void persist(std::uint32_t row, Actions& out) noexcept;
    void look(std::uint32_t row, Actions& out) noexcept;
    void call(std::uint32_t row, Call what, Actions& out) noexcept;
    void file(std::uint32_t row, FileStep what, Actions& out) noexcept;
    void start_worker(std::uint32_t row, WorkerOp op, Actions& out) noexcept;
    void start_helper(std::uint32_t row, WorkerOp op, Actions& out) noexcept;
    void tell(std::uint32_t row, WorkerId worker, Tell what, Fault fault, const Detail& detail,
              Actions& out) noexcept;
    void kill(std::uint32_t row, Actions& out) noexcept;
    void report(std::uint32_t row, Actions& out) noexcept;
    void wake_after(Row& row, Duration after) noexcept;
    void back_off(Row& row) noexcept;
    // Sets the reason of a failure; the first cause wins.
    static void blame(Row& row, Fault fault, const Detail& detail) noexcept;
    // The same, from what the last short call or file step said.
    static void blame_call(Row& row, const Detail& otherwise) noexcept;
    // The three ends. `fail` uses the blamed fault, `worker_died` when there is none.
    void succeed(std::uint32_t row, Actions& out) noexcept;
    void fail(std::uint32_t row, Actions& out) noexcept;
    void abort(std::uint32_t row, Fault fault, const Detail& detail, Actions& out) noexcept;
    void forget(std::uint32_t row, Actions& out) noexcept;
    void drop(std::uint32_t row) noexcept;
    // One more try at making the guest's suspended copy run on, or at destroying a copy; false: no more.
    bool try_call(std::uint32_t row, Call what, Actions& out) noexcept;
    bool try_destroy(std::uint32_t row, Actions& out) noexcept;
    // The guest runs, and the worker that may have asked it to suspend itself is gone: takes the request
    // back, or goes on looking for as long as the guest may still heed it. False: it will not, the job may
    // end.
    bool await_suspension(std::uint32_t row, Actions& out) noexcept;
    // The same when the job has ended.
    bool await_late_suspension(std::uint32_t row, Actions& out) noexcept;
    void begin_late_wait(Row& row) noexcept;

    // one function for each stage (local_jobs.cpp, image_jobs.cpp, migrate_out.cpp, migrate_in.cpp)
    void decide_creating(std::uint32_t row, Actions& out) noexcept;
    void decide_created(std::uint32_t row, Actions& out) noexcept;
    void decide_pausing(std::uint32_t row, Actions& out) noexcept;
    void decide_unpausing(std::uint32_t row, Actions& out) noexcept;
    void decide_stopping(std::uint32_t row, Actions& out) noexcept;
    void decide_destroying(std::uint32_t row, Actions& out) noexcept;
    void decide_saving(std::uint32_t row, Actions& out) noexcept;
    void decide_save_complete(std::uint32_t row, Actions& out) noexcept;
    void decide_unpublished(std::uint32_t row, Actions& out) noexcept;
    void decide_restoring(std::uint32_t row, Actions& out) noexcept;
    void decide_consuming(std::uint32_t row, Actions& out) noexcept;
    void decide_on_file(std::uint32_t row, Actions& out) noexcept;
    void decide_copying(std::uint32_t row, Actions& out) noexcept;
    void decide_fetching(std::uint32_t row, Actions& out) noexcept;
    void decide_indexing(std::uint32_t row, Actions& out) noexcept;
    // One try at the images' names; true: it has been made, look again when it has ended.
    bool settle_images(std::uint32_t row, FileStep what, Actions& out) noexcept;
    void on_images_filed(std::uint32_t row, Fault fault, Actions& out) noexcept;
    void decide_connecting(std::uint32_t row, Actions& out) noexcept;
    void decide_transferring(std::uint32_t row, Actions& out) noexcept;
    void decide_commit_sent(std::uint32_t row, Actions& out) noexcept;
    void decide_started(std::uint32_t row, Actions& out) noexcept;
    void decide_returned(std::uint32_t row, Actions& out) noexcept;
    void decide_expecting(std::uint32_t row, Actions& out) noexcept;
    void decide_receiving(std::uint32_t row, Actions& out) noexcept;
    void decide_committed(std::uint32_t row, Actions& out) noexcept;
    void decide_refused(std::uint32_t row, Actions& out) noexcept;

    // hand-over
    void on_verdict(std::uint32_t row, wire::Verdict verdict, Actions& out) noexcept;
    void on_incoming_open(const IncomingOpenEvent& event, Actions& out) noexcept;
    void on_incoming_ask(const IncomingAskEvent& event, Actions& out) noexcept;
    void on_query(const wire::HandoverQuery& query, Actions& out) noexcept;
    void on_answer(const wire::HandoverAnswer& answer, Actions& out) noexcept;
    wire::Verdict verdict_of(const Row& row) const noexcept;
    // What this host answers to whoever asks about a migration; breaks an unfinished one off.
    wire::Verdict asked(const Uuid& migration_id, const Uuid& uuid, const HostName& source,
                        const Uuid& journal_id, Actions& out) noexcept;
    void settle_lost(std::uint32_t row, Actions& out) noexcept;

    std::uint32_t find_job(std::uint64_t job_id) const noexcept;
    std::uint32_t find_worker(WorkerId worker) const noexcept;

    CoreSettings settings_;
    Table<Row> rows_;
    std::span<wire::JobOrder> orders_;  // beside the rows: only create needs more than the record
    Now now_{};                         // of the step under way
    WorkerId last_worker_ = no_worker;
};

}  // namespace ballast::agent
