// The life of a job: made, ordered, ended, settled. Ended is what its user sees; settled is when no agent has
// anything left to say of it, and only then may another operation touch the guest.
#include <algorithm>

#include "controller/core/desktop/parts.hpp"

namespace ballast::controller {
namespace {

bool open(SideState state) noexcept {
    return state == SideState::ordered || state == SideState::working || state == SideState::ready;
}

Uuid migration_id_of(const Identity& identity, std::uint64_t job_id) noexcept {
    std::array<std::uint8_t, 16> bytes = identity.store_id.bytes;
    for (std::size_t i = 0; i < 8; ++i) {
        bytes[15 - i] = static_cast<std::uint8_t>(job_id >> (8 * i));
    }
    return uuid_from_random(bytes);
}

// The oldest job that has nothing left to do makes room.
std::uint32_t add_job_row(Step& step) noexcept {
    if (step.t.jobs.used() == step.t.jobs.limit()) {
        std::uint32_t oldest = no_row;
        for (std::uint32_t job = 0; job < step.t.jobs.rows().size(); ++job) {
            if (step.t.jobs[job].settled() &&
                (oldest == no_row || step.t.jobs[job].record.id < step.t.jobs[oldest].record.id)) {
                oldest = job;
            }
        }
        if (oldest != no_row) {
            step.out.add(ForgetJob{step.t.jobs[oldest].record.id});
            step.t.job_index.remove(step.t.jobs[oldest].record.id);
            step.t.jobs.remove(oldest);
        }
    }
    return step.t.jobs.add();
}

void send_cancel(Step& step, std::uint32_t host, std::uint64_t id) noexcept {
    if (host != no_row && step.t.hosts[host].link != 0) {
        step.out.add(Send{step.t.hosts[host].link, wire::JobCancel{id}});
    }
}

// An order alone does not change what an agent has begun.
void send_limit(Step& step, const JobRow& job) noexcept {
    const std::uint32_t host = job.source_host;
    if (host != no_row && step.t.hosts[host].link != 0 && open(job.record.source.state)) {
        step.out.add(Send{step.t.hosts[host].link, wire::JobLimit{job.record.id, job.record.bandwidth_mbps}});
    }
}

void send_ack(Step& step, std::uint32_t host, JobRow& job, JobSide& side) noexcept {
    if (host != no_row && step.t.hosts[host].link != 0) {
        step.out.add(Send{step.t.hosts[host].link, wire::JobAck{job.record.id}});
        set_side_state(step, job, side, SideState::acked, Cause::agent);
        ++step.t.counters.acks_sent;
    }
}

// A connected agent that has not said a word of the job since it connected does not have it: it tells of
// every job that it holds when it connects.
void give_up_silent(Step& step, JobRow& job, JobSide& side, std::uint32_t host, Instant heard) noexcept {
    if (!open(side.state) || host == no_row || step.t.hosts[host].link == 0) {
        return;
    }
    const Instant since = step.t.hosts[host].link_changed;
    if (heard < since && step.now.mono - since >= step.t.settings.deadline_grace) {
        set_side_state(step, job, side, SideState::lost, Cause::given_up);
    }
}

void tick_ended(Step& step, std::uint32_t row) noexcept {
    JobRow& job = step.t.jobs[row];
    if (job.settled() || step.now.mono - job.deadline < step.t.settings.deadline_grace) {
        return;
    }
    give_up_silent(step, job, job.record.source, job.source_host, job.source_heard);
    give_up_silent(step, job, job.record.destination, job.destination_host, job.destination_heard);
    if (job.settled()) {
        step.persist_job(row);
        settle_job(step, row);
    }
}

// Nothing has moved yet, and the destination cannot say that it is prepared.
bool waits_in_vain(const Step& step, const JobRow& job) noexcept {
    return job.record.kind == JobKind::migrate && job.record.source.state == SideState::unused &&
           job.destination_host != no_row && step.t.hosts[job.destination_host].link == 0 &&
           step.now.mono - step.t.hosts[job.destination_host].link_changed >= step.t.settings.deadline_grace;
}

}  // namespace

double dirty_rate(const JobRecord& migration) noexcept {
    constexpr double bytes_per_mib = 1024.0 * 1024.0;
    const double again_mib = static_cast<double>(migration.memory_bytes) / bytes_per_mib -
                             static_cast<double>(migration.memory_mib);
    return again_mib > 0 && migration.total_ms > 0 ? again_mib * 1000 / migration.total_ms : 0;
}

std::uint32_t find_job_row(const Tables& t, std::uint64_t id) noexcept {
    return t.job_index.find(id);
}

std::string_view job_limit(const Tables& t, std::uint32_t host, std::uint32_t destination) noexcept {
    const auto full = [&](std::uint32_t row) {
        if (row == no_row) {
            return false;
        }
        const HostRow& at = t.hosts[row];
        const std::uint32_t own = at.agent_jobs_max == 0 ? t.settings.agent_jobs_max : at.agent_jobs_max;
        return at.open_jobs >= std::min(own, t.settings.agent_jobs_max);
    };
    if (full(host) || full(destination)) {
        return "agent_jobs";
    }
    if (t.jobs.used() < t.jobs.limit()) {
        return {};
    }
    const bool room = std::any_of(t.jobs.rows().begin(), t.jobs.rows().end(),
                                  [](const JobRow& job) { return job.settled(); });
    return room ? std::string_view{} : std::string_view{"jobs"};
}

JobMade make_job(Step& step, const NewJob& wanted) noexcept {
    if (const std::string_view limit = job_limit(step.t, wanted.host, wanted.destination); !limit.empty()) {
        return {no_row, limit};
    }
    const std::uint32_t row = add_job_row(step);
    BALLAST_ASSERT(row != no_row);
    JobRow& job = step.t.jobs[row];
    VmRow& vm = step.t.vms[wanted.vm];
    JobRecord& record = job.record;
    if (!vm.recorded) {
        persist_vm(step, wanted.vm);  // what is done to it belongs to its history, also after a restart
    }
    record.id = step.t.identity.next_job_id++;
    step.t.job_index.add(record.id, row);
    record.kind = wanted.kind;
    record.origin = wanted.origin;
    record.vm_uuid = vm.record.uuid;
    record.vm_name = vm.record.name;
    record.memory_mib = vm.memory_mib;
    record.expected_states = wanted.expected;
    record.plan_id = wanted.plan_id;
    record.created = step.now.wall;
    const Duration allowed = wanted.deadline.ms > 0 ? wanted.deadline
                             : wanted.copy_storage  ? step.t.settings.migrate_copy_deadline
                                                    : step.t.settings.deadline(wanted.kind);
    const Duration patience = allowed + step.t.settings.deadline_grace;
    record.deadline = step.wall_after(patience);
    record.source.host = step.t.hosts[wanted.host].record.name;
    job.deadline = step.now.mono + patience;
    job.vm = wanted.vm;
    job.source_host = wanted.host;
    job.move = wanted.move;
    job.cause = wanted.cause;
    vm.job = row;
    ++step.t.counters.jobs[static_cast<std::size_t>(wanted.kind)][static_cast<std::size_t>(JobState::queued)];
    JobKind order = wanted.kind;
    if (wanted.kind == JobKind::migrate) {
        record.migration_id = migration_id_of(step.t.identity, record.id);
        record.mode = wanted.mode;
        record.copy_storage = wanted.copy_storage;
        record.bandwidth_mbps = wanted.bandwidth_mbps;
        record.destination.host = step.t.hosts[wanted.destination].record.name;
        set_side_state(step, job, record.destination, SideState::ordered, wanted.cause);
        job.destination_host = wanted.destination;
        order = JobKind::migrate_in;
    } else {
        set_side_state(step, job, record.source, SideState::ordered, wanted.cause);
    }
    step.persist_job(row);
    send_order(step, row, order);
    step.out.add(JobChanged{row});
    step.report(Severity::info, Subject::job, "job_begun", record.vm_name, record.id,
                compose(to_string(record.kind), " on ", record.source.host,
                        record.destination.host.empty() ? "" : " to ", record.destination.host));
    refresh_vm(step, wanted.vm);
    recount_jobs(step.t);
    return {row, {}};
}

void send_order(Step& step, std::uint32_t job, JobKind kind) noexcept {
    const JobRow& row = step.t.jobs[job];
    const std::uint32_t host = kind == JobKind::migrate_in ? row.destination_host : row.source_host;
    if (host != no_row && step.t.hosts[host].link != 0) {
        step.out.add(SendOrder{step.t.hosts[host].link, job, kind});
        ++step.t.counters.orders_sent;
    }
}

void end_job(Step& step, std::uint32_t row, JobState state, Fault fault, std::string_view detail) noexcept {
    JobRow& job = step.t.jobs[row];
    BALLAST_ASSERT(!ended(job.record.state) && ended(state));
    set_job_state(step, job, state,
                  fault == Fault::deadline_exceeded ? Cause::deadline
                  : state == JobState::succeeded    ? Cause::job_ended
                                                    : Cause::job_failed);
    job.record.fault = fault;
    job.record.detail = detail.empty() && fault != Fault::none ? Detail{describe(fault)} : Detail{detail};
    job.record.ended = step.now.wall;
    if (state == JobState::succeeded) {
        job.record.percent = 100;
    } else {
        ++step.t.counters.job_faults[static_cast<std::size_t>(fault)];
    }
    ++step.t.counters.jobs[static_cast<std::size_t>(job.record.kind)][static_cast<std::size_t>(state)];
    if (job.record.kind == JobKind::migrate && state == JobState::failed && job.vm != no_row) {
        step.t.vms[job.vm].move_not_before = step.wall_after(step.t.settings.drain_retry);
    }
    step.persist_job(row);
    cancel_undecided(step, job);
    move_ended(step, job);
    desktop_job_ended(step, job);
    step.out.add(JobChanged{row});
    step.report(state == JobState::succeeded ? Severity::info : Severity::warning, Subject::job,
                state == JobState::succeeded ? "job_succeeded"
                                             : (state == JobState::failed ? "job_failed" : "job_cancelled"),
                job.record.vm_name, job.record.id,
                compose(to_string(job.record.kind), ": ", job.record.detail));
    settle_job(step, row);
    if (job.vm != no_row) {
        refresh_vm(step, job.vm);
    }
}

void settle_job(Step& step, std::uint32_t row) noexcept {
    JobRow& job = step.t.jobs[row];
    if (!ended(job.record.state)) {
        return;
    }
    JobSide& source = job.record.source;
    JobSide& destination = job.record.destination;
    if (source.state == SideState::ended) {
        send_ack(step, job.source_host, job, source);
    }
    // docs/migration.md, rule 4: the destination keeps its record until the source's copy is settled on our
    // disk.
    if (destination.state == SideState::ended && !open(source.state)) {
        send_ack(step, job.destination_host, job, destination);
    }
    if (job.settled() && job.vm != no_row && step.t.vms[job.vm].job == row) {
        step.t.vms[job.vm].job = no_row;
        refresh_vm(step, job.vm);
    }
    recount_jobs(step.t);
}

void cancel_undecided(Step& step, const JobRow& job) noexcept {
    const JobRecord& record = job.record;
    const bool in_doubt =
        record.source.fault == Fault::handover_lost || record.source.fault == Fault::handover_in_doubt;
    if (open(record.source.state)) {
        send_cancel(step, job.source_host, record.id);
    } else if (open(record.destination.state) && record.source.result != JobState::succeeded && !in_doubt) {
        send_cancel(step, job.destination_host, record.id);
    }
}

void cancel_job(Step& step, std::uint32_t row) noexcept {
    JobRow& job = step.t.jobs[row];
    job.record.cancel_asked = true;
    step.persist_job(row);
    cancel_undecided(step, job);
}

void limit_job(Step& step, std::uint32_t row, std::uint32_t bandwidth_mbps) noexcept {
    JobRow& job = step.t.jobs[row];
    job.record.bandwidth_mbps = bandwidth_mbps;
    step.persist_job(row);
    send_limit(step, job);
    step.out.add(JobChanged{row});
    step.report(Severity::info, Subject::job, "job_limited", job.record.vm_name, job.record.id,
                bandwidth_mbps == 0 ? compose("its images have no limit any more")
                                    : compose("its images travel at ", bandwidth_mbps, " Mbit/s at most"));
}

void tick_jobs(Step& step) noexcept {
    std::size_t ended_now = 0;
    for (std::uint32_t row = 0; row < step.t.jobs.rows().size(); ++row) {
        const JobRow& job = step.t.jobs[row];
        if (!job.in_use) {
            continue;
        }
        if (ended(job.record.state)) {
            tick_ended(step, row);
        } else if (step.now.mono >= job.deadline && ended_now < deadlines_per_tick_max) {
            ++ended_now;
            end_job(step, row, JobState::failed, Fault::deadline_exceeded, {});
        } else if (waits_in_vain(step, job) && ended_now < deadlines_per_tick_max) {
            ++ended_now;
            end_job(step, row, JobState::failed, Fault::host_unreachable,
                    compose(job.record.destination.host, " was lost before anything moved"));
        }
    }
}

namespace {

// Where a source is to connect to is what the destination said, and to a controller that has just started it
// may not have said anything yet.
bool peer_is_known(const Tables& t, const JobRow& job) noexcept {
    return job.destination_host != no_row && t.hosts[job.destination_host].migration_port != 0;
}

}  // namespace

void resend_orders(Step& step, std::uint32_t host) noexcept {
    for (std::uint32_t row = 0; row < step.t.jobs.rows().size(); ++row) {
        JobRow& job = step.t.jobs[row];
        if (!job.in_use || (job.source_host != host && job.destination_host != host)) {
            continue;
        }
        if (ended(job.record.state)) {
            const bool waiting = (job.source_host == host && open(job.record.source.state)) ||
                                 (job.destination_host == host && open(job.record.destination.state));
            if (waiting) {
                send_cancel(step, host, job.record.id);
            }
            settle_job(step, row);
            continue;
        }
        if (job.source_host == host && open(job.record.source.state)) {
            if (job.record.kind != JobKind::migrate) {
                send_order(step, row, job.record.kind);
            } else if (peer_is_known(step.t, job)) {
                send_order(step, row, JobKind::migrate_out);
            } else {
                job.awaits_peer = true;
            }
            if (job.record.copy_storage) {
                send_limit(step, job);
            }
            if (job.record.cancel_asked) {
                send_cancel(step, host, job.record.id);
            }
        }
        if (job.destination_host == host && job.awaits_peer) {
            job.awaits_peer = false;
            send_order(step, row, JobKind::migrate_out);
        }
        if (job.destination_host == host && open(job.record.destination.state)) {
            send_order(step, row, JobKind::migrate_in);
            if (job.record.cancel_asked && job.record.source.state == SideState::unused) {
                send_cancel(step, host, job.record.id);
            }
        }
    }
}

}  // namespace ballast::controller
