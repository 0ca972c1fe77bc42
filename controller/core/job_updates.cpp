// What agents say of their jobs.
#include <algorithm>

#include "controller/core/step.hpp"

namespace ballast::controller {
namespace {

// Is this host's agent the one that has this part of the job?
// No agent can use the numbers up.
constexpr std::uint64_t job_numbers_skipped_max = std::uint64_t{1} << 24;

JobSide* side_of(JobRow& job, std::uint32_t host, const wire::JobUpdate& update) noexcept {
    if (!update.uuid.nil() && update.uuid != job.record.vm_uuid) {
        return nullptr;
    }
    if (job.record.kind != JobKind::migrate) {
        return update.kind == job.record.kind && host == job.source_host ? &job.record.source : nullptr;
    }
    if (update.kind == JobKind::migrate_in && host == job.destination_host) {
        return &job.record.destination;
    }
    return update.kind == JobKind::migrate_out && host == job.source_host ? &job.record.source : nullptr;
}

Sighting& sighting_for(Tables& t, std::uint32_t row, std::uint32_t host) noexcept {
    VmRow& vm = t.vms[row];
    if (Sighting* known = sighting_at(vm, host)) {
        return *known;
    }
    if (vm.sightings.full()) {
        drop_sighting(t, row, vm.sightings[0].host);
    }
    Sighting fresh;
    fresh.host = host;
    fresh.memory_mib = static_cast<std::uint32_t>(vm.memory_mib);
    fresh.vcpus = vm.vcpus;
    return *add_sighting(t, row, fresh);
}

// Whether the host itself has told of the guest as its own: that is newer than what a job of another host
// says.
bool tells_of(const Sighting& there) noexcept {
    return there.in_flight == wire::InFlight::no && !there.saved && there.state != DomainState::unknown &&
           there.state != DomainState::absent;
}

bool gives_state(JobKind kind) noexcept {
    return kind == JobKind::create || kind == JobKind::restore || kind == JobKind::clone ||
           kind == JobKind::pause || kind == JobKind::unpause;
}

// The truth that came with a result: shown at once, ahead of the host's next report.
void take_truth(Step& step, const JobRow& job, std::uint32_t host, const wire::JobUpdate& update) noexcept {
    if (job.vm == no_row) {
        return;
    }
    VmRow& vm = step.t.vms[job.vm];
    const bool succeeded = update.state == JobState::succeeded;
    if (update.kind == JobKind::migrate_in) {
        return;  // who runs the guest is the source's word to give
    }
    if (update.kind == JobKind::migrate_out && succeeded) {
        Sighting& arrived = sighting_for(step.t, job.vm, job.destination_host);
        if (!tells_of(arrived)) {
            arrived.in_flight = wire::InFlight::no;
            arrived.saved = false;
            arrived.state = DomainState::running;
        }
        drop_sighting(step.t, job.vm, host);
        note_moved(step, job.vm, host);
        vm.dirty_mib_per_second = dirty_rate(job.record);
    } else if (update.kind == JobKind::save && succeeded) {
        Sighting& lying = sighting_for(step.t, job.vm, host);
        lying.saved = true;
        lying.state = DomainState::absent;
    } else if (update.has_domain && update.domain.state != DomainState::absent &&
               update.domain.uuid == vm.record.uuid) {
        Sighting& here = sighting_for(step.t, job.vm, host);
        here.saved = false;
        here.in_flight = update.domain.in_flight;
        here.state = update.domain.state;
        here.domid = update.domain.domid;
        here.memory_mib = static_cast<std::uint32_t>(update.domain.memory_kib / 1024 +
                                                     (update.domain.memory_kib % 1024 != 0 ? 1 : 0));
        here.vcpus = update.domain.vcpus;
        here.console_port = update.domain.console_port;
        here.console_address = update.domain.console_address;
    } else if (succeeded && (update.kind == JobKind::shutdown || update.kind == JobKind::destroy)) {
        drop_sighting(step.t, job.vm, host);
    } else if (succeeded && gives_state(update.kind)) {
        // An agent that has not looked at the domain (it was restarted) still knows what it did.
        Sighting& here = sighting_for(step.t, job.vm, host);
        here.saved = false;
        here.in_flight = wire::InFlight::no;
        here.state = update.kind == JobKind::pause ? DomainState::paused : DomainState::running;
    }
    if (succeeded && (update.kind == JobKind::create || update.kind == JobKind::clone)) {
        note_started(step, job.vm);
    }
    refresh_vm(step, job.vm);
}

void take_figures(JobRecord& record, const wire::JobUpdate& update) noexcept {
    record.memory_bytes = update.memory_bytes;
    record.wire_bytes = update.wire_bytes;
    record.downtime_ms = update.downtime_ms;
    record.total_ms = update.total_ms;
    record.rounds = update.rounds;
    record.compression = update.compression;
    record.image_bytes = update.image_bytes;
    record.image_done_bytes = update.image_done_bytes;
    record.image_wire_bytes = update.image_wire_bytes;
    record.image_rounds = update.image_rounds;
    record.time_left_ms = update.time_left_ms;
    record.referenced_bytes = update.referenced_bytes;
}

void take_effect(Step& step, JobRecord& record, const wire::JobUpdate& update) noexcept {
    take_figures(record, update);
    if (update.state == JobState::succeeded) {
        record.mode = update.mode;
        step.t.counters.migration_memory_bytes += update.memory_bytes;
        step.t.counters.migration_wire_bytes += update.wire_bytes;
        step.t.counters.migration_image_wire_bytes += update.image_wire_bytes;
        step.t.counters.migration_referenced_bytes += update.referenced_bytes;
        step.t.counters.migration_downtime_ms += update.downtime_ms;
        step.t.counters.migration_took.add_ms(update.total_ms);
    }
}

// The destination is prepared: now, and not before, the source is told to begin. The order is on disk before
// it is sent: after a restart nobody may believe that the source has never heard of it.
void begin_transfer(Step& step, std::uint32_t row) noexcept {
    JobRow& job = step.t.jobs[row];
    if (job.record.cancel_asked) {
        return;
    }
    if (job.source_host == no_row || step.t.hosts[job.source_host].link == 0) {
        end_job(step, row, JobState::failed, Fault::host_unreachable,
                compose(job.record.source.host, " was lost before anything moved"));
        return;
    }
    set_side_state(step, job, job.record.source, SideState::ordered, Cause::agent);
    step.persist_job(row);
    send_order(step, row, JobKind::migrate_out);
    step.out.add(JobChanged{row});
    recount_jobs(step.t);
}

void on_progress(Step& step, std::uint32_t row, JobSide& side, const wire::JobUpdate& update) noexcept {
    JobRow& job = step.t.jobs[row];
    const bool is_source = &side == &job.record.source;
    const bool ready = !is_source && update.ready;
    const bool first = job.record.state == JobState::queued && !ended(job.record.state);
    const std::uint32_t percent = std::min(update.percent, 99U);
    const bool shown = (is_source && percent != job.record.percent) || side.step_name != update.step_name;
    set_side_state(step, job, side,
                   ready || side.state == SideState::ready ? SideState::ready : SideState::working,
                   Cause::agent);
    side.step_name = update.step_name;
    side.fault = update.fault;
    if (ended(job.record.state)) {
        return;
    }
    set_job_state(step, job, JobState::running, Cause::agent);
    if (is_source) {
        job.record.percent = percent;
        take_figures(job.record, update);
        job.record.fault = update.fault;  // a hand-over in doubt is shown while it lasts
        job.record.detail = update.detail;
    }
    if (ready && job.record.source.state == SideState::unused) {
        begin_transfer(step, row);
    } else if (first || shown) {
        step.out.add(JobChanged{row});
    }
}

void on_result(Step& step, std::uint32_t row, JobSide& side, std::uint32_t host,
               const wire::JobUpdate& update) noexcept {
    JobRow& job = step.t.jobs[row];
    const bool is_source = &side == &job.record.source;
    set_side_state(step, job, side, SideState::ended, Cause::agent);
    side.result = update.state;
    side.fault = update.fault;
    side.step_name = update.step_name;
    if (is_source && job.record.kind == JobKind::migrate) {
        take_effect(step, job.record, update);
    } else if (job.record.kind == JobKind::image_index) {
        take_figures(job.record, update);
    }
    take_truth(step, job, host, update);
    if (ended(job.record.state)) {
        step.persist_job(row);  // late: the job had been given up, the guest's truth is what counts
        cancel_undecided(step, job);
        settle_job(step, row);
        return;
    }
    if (is_source) {
        end_job(step, row, update.state, update.fault, update.detail);
        return;
    }
    const SideState source = job.record.source.state;
    if (source == SideState::unused) {
        // Refused or broken off before the source was told anything: nothing has moved.
        const JobState state = update.state == JobState::cancelled ? JobState::cancelled : JobState::failed;
        end_job(step, row, state, update.fault == Fault::none ? Fault::peer_refused : update.fault,
                update.detail);
        return;
    }
    step.persist_job(row);  // the source's result decides, and is still to come
}

void acknowledge(Step& step, std::uint32_t host, std::uint64_t job_id) noexcept {
    step.out.add(Send{step.t.hosts[host].link, wire::JobAck{job_id}});
    ++step.t.counters.acks_sent;
}

void on_unknown(Step& step, std::uint32_t host, const wire::JobUpdate& update) noexcept {
    std::uint64_t& next_id = step.t.identity.next_job_id;
    // We forget a job only when all its results are on disk, so this agent missed our acknowledgement.
    if (update.job_id < next_id) {
        if (ended(update.state)) {
            acknowledge(step, host, update.job_id);
        }
        return;
    }
    // The store may be an old copy of what it was. To an agent a number means the job that it had first: none
    // that is still in a journal is given to another job.
    if (update.job_id - next_id < job_numbers_skipped_max) {
        next_id = update.job_id + 1;
    }
    if (!ended(update.state)) {
        return;
    }
    // A job that we never made is not acknowledged at once: another controller may be waiting for it.
    ++step.t.counters.orphan_results;
    step.report(Severity::warning, Subject::job, "orphan_result", step.t.hosts[host].record.name,
                update.job_id, "an agent reports a job that this controller never made");
}

}  // namespace

Status on_job_update(Step& step, std::uint32_t host, const wire::JobUpdate& update) noexcept {
    const std::uint32_t row = find_job_row(step.t, update.job_id);
    if (row == no_row) {
        on_unknown(step, host, update);
        return {};
    }
    JobRow& job = step.t.jobs[row];
    JobSide* side = side_of(job, host, update);
    if (side == nullptr && ended(update.state)) {
        // The agent was away while an old copy of the store gave the number away anew. It keeps what is left
        // undecided all the same, and would not take a new job under this number before.
        ++step.t.counters.orphan_results;
        step.report(Severity::warning, Subject::job, "orphan_result", step.t.hosts[host].record.name,
                    update.job_id, "an agent reports an older job of this number");
        acknowledge(step, host, update.job_id);
        return {};
    }
    if (side == nullptr) {
        ++step.t.counters.protocol_faults;
        step.report(Severity::error, Subject::job, "update_of_another", step.t.hosts[host].record.name,
                    update.job_id,
                    compose("the agent's ", to_string(update.kind), " is not what this job asked of it"));
        return Err{Fault::protocol_violation};
    }
    (side == &job.record.source ? job.source_heard : job.destination_heard) = step.now.mono;
    if (side->state == SideState::ended || side->state == SideState::acked ||
        side->state == SideState::lost) {
        if (ended(update.state)) {
            set_side_state(step, job, *side, SideState::ended,
                           Cause::agent);  // it missed our acknowledgement
            settle_job(step, row);
        }
        return {};
    }
    if (side->state == SideState::unused) {
        return {};  // it was not told anything yet
    }
    if (ended(update.state)) {
        on_result(step, row, *side, host, update);
    } else {
        on_progress(step, row, *side, update);
    }
    return {};
}

}  // namespace ballast::controller
