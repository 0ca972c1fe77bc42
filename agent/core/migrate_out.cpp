// The source's side of a hand-over (docs/migration.md).
#include "agent/core/core.hpp"
#include "base/compose.hpp"

namespace ballast::agent {
namespace {

// While images are copied a connection is tried for as long as the order may last, at pauses of at most 4 s:
// a link that is back is used at once.
constexpr std::uint32_t dial_attempts_counted = 5;

}  // namespace

void Core::decide_connecting(std::uint32_t row, Actions& out) noexcept {
    fail(row, out);  // nothing has been done to the guest
}

// Called when the worker has ended, after a restart, and when it is time to dial again. Nothing has been done
// to the guest.
void Core::decide_copying(std::uint32_t row, Actions& out) noexcept {
    Row& job = rows_[row];
    if (job.worker != no_worker) {
        return;
    }
    const DomainState state = job.truth.domain.state;
    if (job.record.fault == Fault::none && state != DomainState::running && state != DomainState::paused) {
        blame(job, Fault::guest_crashed, "the guest ended while its images were being copied");
    }
    if (job.record.fault == Fault::deadline_exceeded && !job.call_detail.empty()) {
        job.record.detail = compose("the order's deadline has passed; at last: ", job.call_detail);
    }
    if (job.record.fault != Fault::none) {
        fail(row, out);
    } else if (job.dial_again) {
        job.dial_again = false;
        start_worker(row, WorkerOp::migrate_out, out);
    } else {
        job.dial_again = true;
        job.attempts = job.attempts < dial_attempts_counted ? job.attempts + 1 : dial_attempts_counted;
        back_off(job);
    }
}

// Called when the destination says that it is restored (the worker lives), and when the worker has ended.
void Core::decide_transferring(std::uint32_t row, Actions& out) noexcept {
    Row& job = rows_[row];
    const DomainState state = job.truth.domain.state;
    if (job.worker != no_worker) {
        if (state == DomainState::suspended && job.record.fault == Fault::none) {
            enter(row, Stage::commit_sent, out);
        } else {
            blame(job, Fault::state_conflict, "the guest was not suspended when its image had been sent");
            kill(row, out);
        }
        return;
    }
    if (state == DomainState::suspended) {
        blame(job, Fault::worker_died, "the transfer was interrupted; the guest has been let run on here");
        job.may_suspend = false;
        job.suspension_due.reset();
        if (try_call(row, Call::resume, out)) {
            return;
        }
        blame_call(job, "the guest is suspended and cannot be resumed");
    } else if (await_suspension(row, out)) {
        return;
    } else if (state != DomainState::running && state != DomainState::paused) {
        blame(job, Fault::guest_crashed, "the guest ended while it was being moved");
    }
    fail(row, out);
}

// Called when the worker has ended without the destination's word, after a restart, and when it is time to
// ask again.
void Core::decide_commit_sent(std::uint32_t row, Actions& out) noexcept {
    Row& job = rows_[row];
    if (job.worker != no_worker || job.helper != no_worker) {
        return;
    }
    job.doubtful = true;
    ++job.asks;
    start_helper(row, WorkerOp::ask, out);
    act(ActionKind::ask_controller, row, out);
    report(row, out);
}

void Core::on_verdict(std::uint32_t row, wire::Verdict verdict, Actions& out) noexcept {
    Row& job = rows_[row];
    BALLAST_ASSERT(job.record.stage == Stage::commit_sent && job.waiting == Waiting::nothing);
    switch (verdict) {
        case wire::Verdict::running:
            job.doubtful = false;
            enter(row, Stage::started, out);
            return;
        case wire::Verdict::refused:
            job.doubtful = false;
            job.renamed = false;
            blame(job, Fault::peer_refused, "the destination gave the guest back");
            enter(row, Stage::returned, out);
            return;
        case wire::Verdict::pending:
        case wire::Verdict::committed: return;  // not settled: asked again when the asking worker is gone
        case wire::Verdict::unknown:
        case wire::Verdict::lost:
            job.record.state = JobState::failed;
            job.record.fault = Fault::handover_lost;
            job.record.detail =
                "the destination had the right to run the guest and does not have the guest: the copy here "
                "stays "
                "suspended until an operator destroys or resumes it";
            enter(row, Stage::out_lost, out);
            return;
    }
}

void Core::decide_started(std::uint32_t row, Actions& out) noexcept {
    Row& job = rows_[row];
    const DomainState state = job.truth.domain.state;
    if (job.helper != no_worker) {
        return;
    }
    if (state == DomainState::absent) {
        if (!settle_images(row, FileStep::retire_images, out)) {
            succeed(row, out);
        }
    } else if (state == DomainState::running || state == DomainState::paused) {
        blame(job, Fault::state_conflict,
              "the guest runs at the destination, and somebody resumed the copy here");
        fail(row, out);
    } else if (!try_destroy(row, out)) {
        blame_call(job, "the guest runs at the destination, but the copy here cannot be destroyed");
        fail(row, out);
    }
}

void Core::decide_returned(std::uint32_t row, Actions& out) noexcept {
    Row& job = rows_[row];
    const DomainState state = job.truth.domain.state;
    if (state == DomainState::suspended) {
        if (!job.renamed && job.truth.domain.name != job.record.name.view()) {
            call(row, Call::rename_back, out);
            return;
        }
        if (try_call(row, Call::resume, out)) {
            return;
        }
        blame_call(job, "the guest was given back, and cannot be resumed here");
    } else if (state == DomainState::running && job.truth.domain.name != job.record.name.view() &&
               try_call(row, Call::rename_back, out)) {
        return;  // under the name of a guest that has left it would be taken for one
    } else if (state != DomainState::running && state != DomainState::paused) {
        // What came before explains less than that the guest is gone.
        job.record.fault = Fault::guest_crashed;
        job.record.detail = "the destination gave the guest back, and the copy here is gone";
    }
    fail(row, out);
}

void Core::on_answer(const wire::HandoverAnswer& answer, Actions& out) noexcept {
    const std::uint32_t row = rows_.find([&answer](const Row& job) {
        return job.record.kind == JobKind::migrate_out && job.record.stage == Stage::commit_sent &&
               job.doubtful && job.record.migration_id == answer.migration_id;
    });
    if (row != Table<Row>::none && !ended(rows_[row].record.state) && !rows_[row].retry_persist) {
        on_verdict(row, answer.verdict, out);
    }
}

wire::HandoverQuery Core::query(std::uint32_t row) const noexcept {
    const JobRecord& record = rows_[row].record;
    return {.migration_id = record.migration_id,
            .destination_host = record.peer_host,
            .source_host = settings_.host_name,
            .uuid = record.uuid,
            .journal_id = record.journal_id};
}

}  // namespace ballast::agent
