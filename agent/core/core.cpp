#include "agent/core/core.hpp"

#include <algorithm>

#include "base/overload.hpp"

namespace ballast::agent {
namespace {

// How soon to look again when the hypervisor did not answer, and to write again what the disk did not take.
constexpr Duration retry_truth_after = seconds(1);
constexpr Duration retry_persist_after = seconds(1);
// How often an acknowledged, undecided hand-over is compared with the truth.
constexpr Duration lost_look_every = seconds(30);

// Records whose loss leaves nothing undone that could not be refused or undone instead.
bool refusable(Stage stage) noexcept {
    return stage == Stage::creating || stage == Stage::pausing || stage == Stage::unpausing ||
           stage == Stage::saving || stage == Stage::restoring || stage == Stage::stopping ||
           stage == Stage::destroying || stage == Stage::cloning || stage == Stage::disk_creating ||
           stage == Stage::disk_deleting || stage == Stage::golden_keeping || stage == Stage::connecting ||
           stage == Stage::expecting || stage == Stage::indexing;
}

// Transfers that break off when their next stage cannot be written. This holds for `commit_sent` and
// `committed` as well: the step that they name has not been taken, so the stage before is still true. Should
// the record have reached the disk after all, a restarted agent finds nothing that contradicts it: the peer's
// verdict is `refused` in the one case, and the guest has not been resumed on a verdict of ours in the other.
bool breaks_off(Stage stage) noexcept {
    return stage == Stage::transferring || stage == Stage::commit_sent || stage == Stage::receiving ||
           stage == Stage::restored || stage == Stage::committed || stage == Stage::copying ||
           stage == Stage::fetching;
}

}  // namespace

Core::Core(Arena& arena, const CoreSettings& settings) noexcept
    : settings_{settings},
      rows_{arena, settings.jobs_max},
      orders_{arena.make_array<wire::JobOrder>(settings.jobs_max)} {}

Status Core::recover(const JobRecord& record, const Now& now) noexcept {
    if (record.job_id == 0 || record.uuid.nil() || !belongs(record.kind, record.stage) ||
        find_job(record.job_id) != Table<Row>::none) {
        return Err{Fault::invalid_argument};
    }
    const std::uint32_t row = rows_.add();
    if (row == Table<Row>::none) {
        return Err{Fault::limit_reached};
    }
    Row& job = rows_[row];
    job.record = record;
    job.previous = record.stage;
    const std::int64_t left_ms = std::clamp<std::int64_t>(record.deadline.unix_ms - now.wall.unix_ms, 0,
                                                          record.deadline.unix_ms - record.begun.unix_ms);
    job.deadline = now.mono + milliseconds(left_ms);
    job.gone = record.stage == Stage::refused && ended(record.state);
    job.doubtful = record.stage == Stage::commit_sent;
    return {};
}

void Core::start(const Now& now, Actions& out) noexcept {
    now_ = now;
    for (std::uint32_t row = 0; row < rows_.limit(); ++row) {
        Row& job = rows_[row];
        if (job.in_use && ended(job.record.state) &&
            (job.record.stage == Stage::transferring || job.record.stage == Stage::saving)) {
            begin_late_wait(job);  // what had become of its guest is not known any more
            continue;
        }
        if (!job.in_use || job.record.stage == Stage::expecting || job.record.stage == Stage::fetching ||
            (ended(job.record.state) && !job.record.acknowledged)) {
            continue;
        }
        const Stage stage = job.record.stage;
        const bool repeatable = stage == Stage::pausing || stage == Stage::unpausing ||
                                stage == Stage::destroying || stage == Stage::copying;
        job.run_again = on_store_only(job.record.kind) && !ended(job.record.state);
        if (abortable(stage) && !repeatable && !job.run_again) {
            blame(job, Fault::worker_died, "the agent was restarted in the middle of the operation");
        }
        look(row, out);
    }
}

Status Core::step(const Event& event, const Now& now, Actions& out) noexcept {
    now_ = now;
    Status status;
    std::visit(
        Overload{
            [&](const OrderEvent& e) { status = on_order(e.order, out); },
            [&](const CancelEvent& e) { on_cancel(e.job_id, out); },
            [&](const LimitEvent& e) { on_limit(e, out); }, [&](const AckEvent& e) { on_ack(e.job_id, out); },
            [&](const LinkUpEvent&) { on_link_up(out); },
            [&](const PersistedEvent& e) { on_persisted(e.row, e.ok, out); },
            [&](const TruthEvent& e) { on_truth(e.row, e.truth, out); },
            [&](const CalledEvent& e) { on_called(e, out); }, [&](const FiledEvent& e) { on_filed(e, out); },
            [&](const WorkerEvent& e) { on_worker(e, out); },
            [&](const WorkerGoneEvent& e) { on_worker_gone(e, out); },
            [&](const IncomingOpenEvent& e) { on_incoming_open(e, out); },
            [&](const IncomingAskEvent& e) { on_incoming_ask(e, out); },
            [&](const QueryEvent& e) { on_query(e.query, out); },
            [&](const AnswerEvent& e) { on_answer(e.answer, out); }, [&](const TickEvent&) { on_tick(out); }},
        event);
    return status;
}

std::optional<Instant> Core::next_wake() const noexcept {
    std::optional<Instant> next;
    const auto consider = [&next](Instant at) { next = next && *next < at ? *next : at; };
    for (const Row& job : rows_.rows()) {
        if (!job.in_use) {
            continue;
        }
        if (job.wake) {
            consider(*job.wake);
        }
        if (!ended(job.record.state) && abortable(job.record.stage) && job.record.fault == Fault::none) {
            consider(job.deadline);
        }
    }
    return next;
}

void Core::on_persisted(std::uint32_t row, bool ok, Actions& out) noexcept {
    Row& job = rows_[row];
    BALLAST_ASSERT(job.waiting == Waiting::persist);
    job.waiting = Waiting::nothing;
    if (!ok) {
        on_persist_failed(row, out);
    } else if (ended(job.record.state)) {
        finished(row, out);
    } else if (job.record.stage == Stage::none) {
        (void)refuse(orders_[row], job.record.fault, job.record.detail, out);
        drop(row);
    } else {
        entered(row, out);
        report(row, out);  // afterwards: a guest may stand still until the stage has begun
    }
}

void Core::on_persist_failed(std::uint32_t row, Actions& out) noexcept {
    Row& job = rows_[row];
    constexpr const char* why = "the agent's journal cannot be written";
    if (!ended(job.record.state) && refusable(job.record.stage)) {
        // The record may be on the disk all the same, and an agent that finds it carries the order out: it is
        // refused only when there is none for certain.
        blame(job, Fault::io_failed, why);
        job.record.stage = Stage::none;
        persist(row, out);
        return;
    }
    if (!ended(job.record.state) && breaks_off(job.record.stage)) {
        job.record.stage = job.previous;
        abort(row, Fault::io_failed, why, out);
        return;
    }
    job.retry_persist = true;
    wake_after(job, retry_persist_after);
}

// What a stage begins with, once it is on disk.
void Core::entered(std::uint32_t row, Actions& out) noexcept {
    Row& job = rows_[row];
    switch (job.record.stage) {
        case Stage::creating: start_worker(row, WorkerOp::create, out); return;
        case Stage::saving: start_worker(row, WorkerOp::save, out); return;
        case Stage::disk_creating: start_worker(row, WorkerOp::disk_create, out); return;
        case Stage::disk_deleting: start_worker(row, WorkerOp::disk_delete, out); return;
        case Stage::golden_keeping: start_worker(row, WorkerOp::golden_keep, out); return;
        case Stage::cloning: start_worker(row, WorkerOp::clone, out); return;
        case Stage::restoring: start_worker(row, WorkerOp::restore, out); return;
        case Stage::stopping: start_worker(row, WorkerOp::shutdown, out); return;
        case Stage::connecting: start_worker(row, WorkerOp::migrate_out, out); return;
        case Stage::indexing: start_worker(row, WorkerOp::image_index, out); return;
        case Stage::copying:
        case Stage::transferring: tell(row, job.worker, Tell::go, Fault::none, {}, out); return;
        case Stage::fetching: tell(row, job.worker, Tell::accept, Fault::none, {}, out); return;
        case Stage::receiving:
            tell(row, job.worker, job.record.copy_storage ? Tell::go : Tell::accept, Fault::none, {}, out);
            return;
        case Stage::restored: tell(row, job.worker, Tell::ready, Fault::none, {}, out); return;
        case Stage::commit_sent:
            // The guest stands still: the name, which is for people, comes after the right to run.
            if (job.worker != no_worker && !job.killed) {
                job.told_commit = true;
                tell(row, job.worker, Tell::commit, Fault::none, {}, out);
            }
            call(row, Call::rename_away, out);
            return;
        case Stage::committed:
            ++job.attempts;
            call(row, Call::unpause, out);
            return;
        case Stage::expecting: return;
        case Stage::none:
        case Stage::created:
        case Stage::pausing:
        case Stage::unpausing:
        case Stage::save_complete:
        case Stage::consuming:
        case Stage::destroying:
        case Stage::started:
        case Stage::returned:
        case Stage::out_lost:
        case Stage::running:
        case Stage::refused:
        case Stage::lost: look(row, out); return;
    }
}

void Core::finished(std::uint32_t row, Actions& out) noexcept {
    Row& job = rows_[row];
    if (job.record.acknowledged) {
        wake_after(job, lost_look_every);
        return;
    }
    if (job.suspension_due) {
        begin_late_wait(job);
    }
    if (job.worker != no_worker && job.record.stage == Stage::running) {
        tell(row, job.worker, Tell::started, Fault::none, {}, out);
    } else if (job.worker != no_worker && job.record.stage == Stage::refused) {
        tell(row, job.worker, Tell::aborted, job.record.fault, job.record.detail, out);
    } else {
        kill(row, out);
    }
    report(row, out);
}

void Core::on_truth(std::uint32_t row, const Truth& truth, Actions& out) noexcept {
    Row& job = rows_[row];
    BALLAST_ASSERT(job.waiting == Waiting::truth);
    job.waiting = Waiting::nothing;
    job.truth = truth;
    job.looked = truth.fault == Fault::none;
    if (job.record.stage == Stage::none) {
        admit(row, out);
    } else if (truth.fault != Fault::none) {
        wake_after(job, retry_truth_after);
    } else {
        decide(row, out);
    }
}

void Core::decide(std::uint32_t row, Actions& out) noexcept {
    if (ended(rows_[row].record.state)) {
        decide_ended(row, out);
        return;
    }
    switch (rows_[row].record.stage) {
        case Stage::creating:
        case Stage::cloning: decide_creating(row, out); return;
        case Stage::disk_creating:
        case Stage::disk_deleting:
        case Stage::golden_keeping: decide_on_file(row, out); return;
        case Stage::created: decide_created(row, out); return;
        case Stage::pausing: decide_pausing(row, out); return;
        case Stage::unpausing: decide_unpausing(row, out); return;
        case Stage::saving: decide_saving(row, out); return;
        case Stage::save_complete: decide_save_complete(row, out); return;
        case Stage::restoring: decide_restoring(row, out); return;
        case Stage::consuming: decide_consuming(row, out); return;
        case Stage::stopping: decide_stopping(row, out); return;
        case Stage::destroying: decide_destroying(row, out); return;
        case Stage::indexing: decide_indexing(row, out); return;
        case Stage::copying: decide_copying(row, out); return;
        case Stage::fetching: decide_fetching(row, out); return;
        case Stage::connecting: decide_connecting(row, out); return;
        case Stage::transferring: decide_transferring(row, out); return;
        case Stage::commit_sent: decide_commit_sent(row, out); return;
        case Stage::started: decide_started(row, out); return;
        case Stage::returned: decide_returned(row, out); return;
        case Stage::receiving:
        case Stage::restored: decide_receiving(row, out); return;
        case Stage::committed: decide_committed(row, out); return;
        case Stage::refused: decide_refused(row, out); return;
        case Stage::expecting: decide_expecting(row, out); return;
        case Stage::none:
        case Stage::out_lost:
        case Stage::running:
        case Stage::lost: break;  // never unfinished
    }
    BALLAST_ASSERT(!"a stage without a decision");
}

// Two kinds of ended jobs are looked at: transfers and saves whose guest may yet suspend itself; and an
// undecided hand-over that the controller knows of, whose record goes once an operator has settled the truth.
void Core::decide_ended(std::uint32_t row, Actions& out) noexcept {
    Row& job = rows_[row];
    if (job.record.stage == Stage::out_lost && job.truth.domain.state == DomainState::suspended) {
        wake_after(job, lost_look_every);
        return;
    }
    if (await_late_suspension(row, out) || !job.record.acknowledged) {
        return;
    }
    forget(row, out);
}

void Core::on_called(const CalledEvent& event, Actions& out) noexcept {
    Row& job = rows_[event.row];
    BALLAST_ASSERT(job.waiting == Waiting::call);
    job.waiting = Waiting::nothing;
    if (job.calling == Call::withdraw_suspend) {
        on_withdrawn(event, out);
        return;
    }
    if (job.calling == Call::resume_late &&
        (event.fault == Fault::none || event.fault == Fault::state_conflict)) {
        job.suspension_due.reset();
        look(event.row, out);
        return;
    }
    // The hand-over's renames are for people: a failed one does not hold the guest up.
    if (job.calling == Call::rename_away) {
        job.renamed = true;
        if (!job.told_commit) {
            look(event.row, out);
        }
        return;
    }
    if (job.calling == Call::rename_final) {
        look(event.row, out);
        return;
    }
    if (job.calling == Call::rename_back) {
        job.renamed = true;
    }
    job.call_fault = event.fault;
    job.call_detail = event.detail;
    if (event.fault == Fault::none || job.calling == Call::rename_back) {
        look(event.row, out);
    } else {
        back_off(job);
    }
}

void Core::on_filed(const FiledEvent& event, Actions& out) noexcept {
    Row& job = rows_[event.row];
    BALLAST_ASSERT(job.waiting == Waiting::file);
    job.waiting = Waiting::nothing;
    if (job.record.stage == Stage::refused || job.record.stage == Stage::started) {
        on_images_filed(event.row, event.fault, out);
        return;
    }
    job.file_stuck = event.fault != Fault::none;
    if (event.fault == Fault::none) {
        look(event.row, out);
        return;
    }
    job.call_fault = event.fault;
    job.call_detail = "a save file can be neither renamed nor deleted";
    ++job.attempts;
    back_off(job);
}

void Core::on_cancel(std::uint64_t job_id, Actions& out) noexcept {
    const std::uint32_t row = find_job(job_id);
    if (row != Table<Row>::none) {
        abort(row, Fault::cancelled, "cancelled by the controller", out);
    }
}

void Core::on_ack(std::uint64_t job_id, Actions& out) noexcept {
    const std::uint32_t row = find_job(job_id);
    if (row == Table<Row>::none || !ended(rows_[row].record.state) || rows_[row].retry_persist) {
        return;
    }
    Row& job = rows_[row];
    if (job.record.stage == Stage::out_lost) {
        if (!job.record.acknowledged) {
            job.record.acknowledged = true;
            persist(row, out);
        }
        return;
    }
    if (job.suspension_due) {
        job.record.acknowledged = true;  // not on disk: a restarted agent reports it once more
        return;
    }
    forget(row, out);
}

void Core::on_link_up(Actions& out) noexcept {
    for (std::uint32_t row = 0; row < rows_.limit(); ++row) {
        const Row& job = rows_[row];
        if (!job.in_use || job.record.acknowledged || job.retry_persist) {
            continue;
        }
        report(row, out);
        if (job.record.stage == Stage::commit_sent && job.doubtful) {
            act(ActionKind::ask_controller, row, out);
        }
    }
}

void Core::on_tick(Actions& out) noexcept {
    for (std::uint32_t row = 0; row < rows_.limit(); ++row) {
        Row& job = rows_[row];
        if (!job.in_use) {
            continue;
        }
        if (!ended(job.record.state) && abortable(job.record.stage) && now_.mono >= job.deadline) {
            abort(row, Fault::deadline_exceeded, "the order's deadline has passed", out);
        }
        if (!job.wake || now_.mono < *job.wake || job.waiting != Waiting::nothing) {
            continue;
        }
        job.wake.reset();
        if (job.retry_persist) {
            job.retry_persist = false;
            persist(row, out);
        } else {
            look(row, out);
        }
    }
}

std::uint32_t Core::find_job(std::uint64_t job_id) const noexcept {
    return rows_.find([job_id](const Row& job) { return job.record.job_id == job_id; });
}

}  // namespace ballast::agent
