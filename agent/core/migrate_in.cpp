// The destination's side of a hand-over (docs/migration.md).
#include "agent/core/core.hpp"
#include "base/compose.hpp"

namespace ballast::agent {
namespace {

// A copy that could not be unpaused this often, and is seen to be paused still, is given back.
constexpr std::uint32_t unpause_attempts_max = 5;

}  // namespace

void Core::on_incoming_open(const IncomingOpenEvent& event, Actions& out) noexcept {
    const wire::MigrationOpen& open = event.open;
    const auto refuse_with = [&](Fault fault, const Detail& detail) {
        tell(0, event.worker, Tell::refuse, fault, detail, out);
    };
    if (open.version != limits::protocol_version) {
        refuse_with(Fault::version_mismatch, "this agent speaks another version of the protocol");
        return;
    }
    const std::uint32_t row = rows_.find([&open](const Row& job) {
        return job.record.kind == JobKind::migrate_in && job.record.migration_id == open.migration_id;
    });
    if (row == Table<Row>::none || rows_[row].record.uuid != open.uuid ||
        rows_[row].record.name != open.name || rows_[row].record.peer_host != open.source_host) {
        refuse_with(Fault::peer_refused, "no such migration is expected on this host");
        return;
    }
    if (!event.peer_name.empty() && event.peer_name != open.source_host) {
        refuse_with(Fault::authentication_failed, "the certificate is not the source host's");
        return;
    }
    Row& job = rows_[row];
    const bool comes_again = job.record.stage == Stage::fetching && open.copy_storage;
    if ((job.record.stage != Stage::expecting && !comes_again) || job.waiting != Waiting::nothing ||
        job.record.fault != Fault::none) {
        refuse_with(Fault::peer_refused, "this migration has begun already, or is over");
        return;
    }
    if (open.copy_storage != job.record.copy_storage) {
        refuse_with(Fault::protocol_violation, "whether disks go along is another thing here than there");
        return;
    }
    if (open.memory_kib > job.record.memory_kib) {
        refuse_with(Fault::no_memory, compose("the guest has ", open.memory_kib, " KiB, and ",
                                              job.record.memory_kib, " KiB are reserved for it here"));
        return;
    }
    Detail detail;
    if (const Fault fault = take_disks(job, open, detail); fault != Fault::none) {
        refuse_with(fault, detail);
        return;
    }
    kill(row, out);  // what still holds the connection before; the guest's lock keeps the two apart
    job.worker = event.worker;
    job.killed = false;
    job.worker_ok = false;
    job.worker_failed = false;
    if (comes_again) {
        tell(row, job.worker, Tell::accept, Fault::none, {}, out);
    } else {
        enter(row, open.copy_storage ? Stage::fetching : Stage::receiving, out);
    }
}

// Called when the transfer could not begin because its record could not be written, and its worker has ended.
void Core::decide_expecting(std::uint32_t row, Actions& out) noexcept {
    if (rows_[row].record.fault != Fault::none && rows_[row].worker == no_worker) {
        enter(row, Stage::refused, out);
    }
}

// Called when the worker has ended: the source dials again, or this has been called off.
void Core::decide_fetching(std::uint32_t row, Actions& out) noexcept {
    if (rows_[row].record.fault != Fault::none && rows_[row].worker == no_worker) {
        enter(row, Stage::refused, out);
    }
}

// Stages `receiving` and `restored`. Called when the worker says that the copy is complete or that it failed
// (it lives then, and keeps the connection), and when the worker has ended.
void Core::decide_receiving(std::uint32_t row, Actions& out) noexcept {
    Row& job = rows_[row];
    const DomainState state = job.truth.domain.state;
    const bool whole = job.worker != no_worker && !job.killed && job.worker_ok && !job.worker_failed &&
                       state == DomainState::paused && job.record.fault == Fault::none;
    if (whole) {
        if (job.record.stage == Stage::receiving) {
            enter(row, Stage::restored, out);
        }
        return;
    }
    if (job.killed && job.worker != no_worker) {
        return;  // its end is awaited
    }
    if (state == DomainState::running) {
        blame(job, Fault::state_conflict,
              "somebody unpaused the guest's copy before the right to run was here");
        settle_lost(row, out);
        return;
    }
    blame(job, job.worker_ok ? Fault::connection_lost : Fault::worker_died,
          job.worker_ok ? "the source fell silent before it gave the right to run"
                        : "the transfer was interrupted");
    enter(row, Stage::refused, out);
}

void Core::settle_lost(std::uint32_t row, Actions& out) noexcept {
    rows_[row].record.state = JobState::failed;
    enter(row, Stage::lost, out);
}

void Core::decide_committed(std::uint32_t row, Actions& out) noexcept {
    Row& job = rows_[row];
    switch (job.truth.domain.state) {
        case DomainState::absent:
        case DomainState::dying:
            job.record.fault = Fault::handover_lost;
            job.record.detail = "the right to run was here, and the domain is gone: it may have run";
            settle_lost(row, out);
            return;
        case DomainState::running:
        case DomainState::suspended:
        case DomainState::powered_off:
        case DomainState::rebooting:
        case DomainState::crashed:
            // Under a name which marks it as coming in it would be taken for one that has not arrived.
            if (job.truth.domain.name != job.record.name.view() && try_call(row, Call::rename_final, out)) {
                return;
            }
            // It runs, or it ran and ended by itself: either way the source's copy is the past.
            job.record.state = JobState::succeeded;
            job.record.fault = Fault::none;
            enter(row, Stage::running, out);
            return;
        case DomainState::unknown: wake_after(job, seconds(1)); return;
        case DomainState::paused: break;
    }
    if (job.attempts >= unpause_attempts_max) {
        blame_call(job, "the copy cannot be unpaused");
        enter(row, Stage::refused, out);
    } else {
        ++job.attempts;
        call(row, Call::unpause, out);
    }
}

void Core::decide_refused(std::uint32_t row, Actions& out) noexcept {
    Row& job = rows_[row];
    if (job.helper != no_worker) {
        return;
    }
    if (job.truth.domain.state == DomainState::absent) {
        if (!settle_images(row, FileStep::retract_images, out)) {
            job.gone = true;
            fail(row, out);
        }
    } else if (job.truth.domain.state == DomainState::running) {
        // Not the paused copy that the record speaks of: somebody unpaused it. The verdict stays `pending`.
        wake_after(job, seconds(5));
    } else if (!try_destroy(row, out)) {
        job.attempts = 8;  // the source waits for this: never given up, at the longest pause
        back_off(job);
    }
}

wire::Verdict Core::verdict_of(const Row& row) const noexcept {
    // Verdicts count only when they are on disk.
    const bool on_disk = row.waiting != Waiting::persist && !row.retry_persist;
    const Stage stage = row.record.stage;
    if (stage == Stage::committed || (stage == Stage::running && !on_disk)) {
        return wire::Verdict::committed;
    }
    if (stage == Stage::running) {
        return wire::Verdict::running;
    }
    if (stage == Stage::refused && row.gone && on_disk) {
        return wire::Verdict::refused;
    }
    return stage == Stage::lost && on_disk ? wire::Verdict::lost : wire::Verdict::pending;
}

wire::Verdict Core::asked(const Uuid& migration_id, const Uuid& uuid, const HostName& source,
                          const Uuid& journal_id, Actions& out) noexcept {
    if (journal_id != settings_.journal_id) {
        return wire::Verdict::lost;
    }
    const std::uint32_t row = rows_.find([&](const Row& job) {
        return job.record.kind == JobKind::migrate_in && job.record.migration_id == migration_id &&
               job.record.uuid == uuid && job.record.peer_host == source;
    });
    if (row == Table<Row>::none) {
        return wire::Verdict::unknown;
    }
    // A source asks when it has lost its connection: the right to run cannot come any more by the old one,
    // except when it is already underway, and then it comes too late.
    const Stage stage = rows_[row].record.stage;
    if (stage == Stage::expecting || stage == Stage::fetching || stage == Stage::receiving ||
        stage == Stage::restored) {
        abort(row, Fault::connection_lost, "the source has lost the connection", out);
    }
    return verdict_of(rows_[row]);
}

void Core::on_incoming_ask(const IncomingAskEvent& event, Actions& out) noexcept {
    const wire::MigrationAsk& ask = event.ask;
    if (!event.peer_name.empty() && event.peer_name != ask.source_host) {
        tell(0, event.worker, Tell::refuse, Fault::authentication_failed,
             "the certificate is not the source host's", out);
        return;
    }
    const wire::Verdict verdict = asked(ask.migration_id, ask.uuid, ask.source_host, ask.journal_id, out);
    out.push(
        {.kind = ActionKind::tell_worker, .worker = event.worker, .tell = Tell::verdict, .verdict = verdict});
}

void Core::on_query(const wire::HandoverQuery& query, Actions& out) noexcept {
    if (query.destination_host != settings_.host_name) {
        return;
    }
    const wire::Verdict verdict =
        asked(query.migration_id, query.uuid, query.source_host, query.journal_id, out);
    out.push({.kind = ActionKind::answer_controller,
              .verdict = verdict,
              .migration_id = query.migration_id,
              .host = query.source_host});
}

}  // namespace ballast::agent
