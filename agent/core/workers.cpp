// What worker processes say, and that they are gone.
#include "agent/core/core.hpp"

namespace ballast::agent {
namespace {

// Whether the end of the worker is the end of what the stage waits for.
bool depends_on_worker(Stage stage) noexcept {
    switch (stage) {
        case Stage::creating:
        case Stage::saving:
        case Stage::restoring:
        case Stage::stopping:
        case Stage::connecting:
        case Stage::transferring:
        case Stage::commit_sent:
        case Stage::expecting:
        case Stage::receiving:
        case Stage::restored:
        case Stage::disk_creating:
        case Stage::disk_deleting:
        case Stage::golden_keeping:
        case Stage::cloning:
        case Stage::copying:
        case Stage::fetching:
        case Stage::indexing: return true;
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
        case Stage::committed:
        case Stage::running:
        case Stage::refused:
        case Stage::lost: return false;
    }
    return false;
}

// While images are copied, a connection that breaks is dialled again, and a destination waits for that.
bool dialled_again(Stage stage, Fault fault) noexcept {
    const bool of_connection = fault == Fault::connection_lost || fault == Fault::host_unreachable ||
                               fault == Fault::deadline_exceeded || fault == Fault::worker_died;
    return stage == Stage::fetching || (stage == Stage::copying && of_connection);
}

}  // namespace

std::uint32_t Core::find_worker(WorkerId worker) const noexcept {
    if (worker == no_worker) {
        return Table<Row>::none;
    }
    return rows_.find([worker](const Row& job) { return job.worker == worker || job.helper == worker; });
}

void Core::on_worker(const WorkerEvent& event, Actions& out) noexcept {
    const std::uint32_t row = find_worker(event.worker);
    if (row == Table<Row>::none || ended(rows_[row].record.state) || rows_[row].retry_persist) {
        return;
    }
    Row& job = rows_[row];
    if (event.worker == job.helper) {
        on_helper(job, row, event, out);
        return;
    }
    if (job.killed) {
        return;  // what a worker said before its end came is not acted on any more
    }
    if (event.effect.memory_bytes != 0 || event.effect.image_rounds != 0) {
        job.record.effect = event.effect;
    }
    const Stage stage = job.record.stage;
    switch (event.news) {
        case WorkerNews::progress:
            if (now_.mono >= job.next_report) {
                report(row, out);
            }
            return;
        case WorkerNews::done: job.worker_ok = true; return;
        case WorkerNews::failed: on_worker_failed(row, event, out); return;
        case WorkerNews::accepted: on_accepted(row, event, out); return;
        case WorkerNews::copied:
            if (stage == Stage::copying && job.record.fault == Fault::none) {
                enter(row, Stage::transferring, out);
            }
            return;
        case WorkerNews::fetched:
            if (stage == Stage::fetching && job.record.fault == Fault::none) {
                job.record.published = true;
                for (std::uint32_t disk = 0; disk < job.record.disks.size(); ++disk) {
                    job.record.disks[disk].file_id = event.file_ids[disk];
                }
                enter(row, Stage::receiving, out);
            }
            return;
        case WorkerNews::ready:
            if (stage == Stage::transferring) {
                job.worker_ok = true;
                look(row, out);
            }
            return;
        case WorkerNews::started:
            if (stage == Stage::commit_sent && job.told_commit) {
                on_verdict(row, wire::Verdict::running, out);
            }
            return;
        case WorkerNews::aborted: on_aborted(row, event, out); return;
        case WorkerNews::restored:
            if (stage == Stage::receiving) {
                job.worker_ok = true;
                look(row, out);
            }
            return;
        case WorkerNews::commit:
            if (stage == Stage::restored && job.record.fault == Fault::none) {
                enter(row, Stage::committed, out);
            }
            return;
        case WorkerNews::verdict: return;
    }
}

void Core::on_worker_failed(std::uint32_t row, const WorkerEvent& event, Actions& out) noexcept {
    Row& job = rows_[row];
    const Stage stage = job.record.stage;
    if (dialled_again(stage, event.fault)) {
        job.call_detail = event.detail;
    } else if (abortable(stage) || stage == Stage::commit_sent) {
        blame(job, event.fault, event.detail);
    }
    job.worker_failed = true;
    job.may_suspend = event.suspend_asked;
    if (stage == Stage::receiving || stage == Stage::restored) {
        look(row, out);
    }
}

// The destination takes the guest. Where images are copied, each new connection asks it again.
void Core::on_accepted(std::uint32_t row, const WorkerEvent& event, Actions& out) noexcept {
    Row& job = rows_[row];
    if (job.record.stage == Stage::connecting) {
        job.record.journal_id = event.journal_id;
        enter(row, job.record.copy_storage ? Stage::copying : Stage::transferring, out);
    } else if (job.record.stage == Stage::copying && event.journal_id == job.record.journal_id) {
        tell(row, job.worker, Tell::go, Fault::none, {}, out);
    } else if (job.record.stage == Stage::copying) {
        blame(job, Fault::peer_refused, "the destination's journal was lost and begun anew");
        kill(row, out);
    }
}

void Core::on_aborted(std::uint32_t row, const WorkerEvent& event, Actions& out) noexcept {
    Row& job = rows_[row];
    const Stage stage = job.record.stage;
    if (stage == Stage::connecting || stage == Stage::copying || stage == Stage::transferring ||
        stage == Stage::commit_sent) {
        blame(job, event.fault, event.detail);
    }
    if (stage == Stage::commit_sent) {
        on_verdict(row, wire::Verdict::refused, out);
    }
}

void Core::on_helper(Row& job, std::uint32_t row, const WorkerEvent& event, Actions& out) noexcept {
    if (event.news == WorkerNews::done) {
        job.helper_ok = true;
    } else if (event.news == WorkerNews::failed) {
        job.call_fault = event.fault;
        job.call_detail = event.detail;
    } else if (event.news == WorkerNews::verdict && job.record.stage == Stage::commit_sent) {
        job.helper_ok = true;
        on_verdict(row, event.verdict, out);
    }
}

void Core::on_worker_gone(const WorkerGoneEvent& event, Actions& out) noexcept {
    const std::uint32_t row = find_worker(event.worker);
    if (row == Table<Row>::none) {
        return;
    }
    Row& job = rows_[row];
    if (event.worker == job.helper) {
        job.helper = no_worker;
        on_helper_gone(row, out);
        return;
    }
    job.worker = no_worker;
    job.told_commit = false;
    if (ended(job.record.state) || job.retry_persist || !depends_on_worker(job.record.stage)) {
        return;
    }
    const bool comes_again = job.record.stage == Stage::copying || job.record.stage == Stage::fetching;
    if (!job.worker_ok && !job.worker_failed && !event.detail.empty() && !comes_again) {
        blame(job, Fault::worker_died, event.detail);
    }
    look(row, out);
}

void Core::on_helper_gone(std::uint32_t row, Actions& out) noexcept {
    Row& job = rows_[row];
    if (ended(job.record.state) || job.retry_persist) {
        return;
    }
    if (job.helper_op == WorkerOp::ask && job.record.stage == Stage::commit_sent) {
        const std::uint32_t doublings = job.asks < 7 ? job.asks : 7;
        wake_after(job, milliseconds(250) * (std::int64_t{1} << doublings));  // 0.5 s ... 32 s
    } else if (job.helper_ok) {
        look(row, out);
    } else {
        back_off(job);
    }
}

}  // namespace ballast::agent
