// The start: what the store kept becomes rows again. Nothing is sent: agents dial in and are told then.
#include <algorithm>

#include "controller/core/core.hpp"
#include "controller/core/desktop/parts.hpp"

namespace ballast::controller {
namespace {

// The calendar may have been set while we were away: never longer than the job was given when it was made.
Instant deadline_of(const JobRecord& record, const Now& now) noexcept {
    const std::int64_t left_ms = record.deadline.unix_ms - now.wall.unix_ms;
    const std::int64_t given_ms = record.deadline.unix_ms - record.created.unix_ms;
    return now.mono + milliseconds(std::clamp<std::int64_t>(left_ms, 0, std::max<std::int64_t>(given_ms, 0)));
}

// The job of a move is on disk before its plan is: after a crash between the two the plan learns of it here.
void adopt_move(Tables& t, const JobRow& job) noexcept {
    const std::uint32_t row = job.record.plan_id == 0 ? no_row : find_plan_row(t, job.record.plan_id);
    if (row == no_row) {
        return;
    }
    PlanRow& plan = t.plans[row];
    for (PlanMove& move : plan.moves.first(plan.record.moves)) {
        const bool its =
            move.job_id == job.record.id || (move.job_id == 0 && move.vm_uuid == job.record.vm_uuid &&
                                             move.to == job.record.destination.host);
        if (!its) {
            continue;
        }
        move.job_id = job.record.id;
        if (!ended(job.record.state)) {
            move.state = MoveState::running;
        } else if (move.state == MoveState::pending || move.state == MoveState::running) {
            move.state = job.record.state == JobState::succeeded   ? MoveState::succeeded
                         : job.record.state == JobState::cancelled ? MoveState::cancelled
                                                                   : MoveState::failed;
            move.outcome = job.record.detail;
            take_times(move, job.record);
        }
    }
}

}  // namespace

void Core::restore_identity(const Identity& identity) noexcept {
    tables_->identity = identity;
}

Status Core::restore_host(const HostRecord& record) noexcept {
    if (!valid_name(record.name) || find_host_by_name(*tables_, record.name) != no_row) {
        return Err{Fault::invalid_argument};
    }
    const std::uint32_t row = tables_->add_host();
    if (row == no_row) {
        return Err{Fault::limit_reached};
    }
    tables_->hosts[row].record = record;
    tables_->hosts[row].state_reason = "its agent is not connected";
    return {};
}

Status Core::restore_vm(const VmRecord& record) noexcept {
    if (record.uuid.nil() || tables_->vm_index.find(record.uuid) != no_row) {
        return Err{Fault::invalid_argument};
    }
    const std::uint32_t row = tables_->add_vm();
    if (row == no_row) {
        return Err{Fault::limit_reached};
    }
    tables_->vms[row].record = record;
    tables_->vms[row].recorded = true;
    tables_->vms[row].unconfirmed = true;
    tables_->vm_index.add(record.uuid, row);
    return {};
}

Status Core::restore_definition(const wire::GuestSpec& spec) noexcept {
    const std::uint32_t vm = tables_->vm_index.find(spec.uuid);
    if (vm == no_row || tables_->vms[vm].definition != no_row) {
        return Err{Fault::invalid_argument};
    }
    const std::uint32_t row = tables_->definitions.add();
    if (row == no_row) {
        return Err{Fault::limit_reached};
    }
    tables_->definitions[row].spec = spec;
    VmRow& guest = tables_->vms[vm];
    guest.definition = row;
    guest.type = spec.type;
    guest.memory_mib = spec.memory_mib;
    guest.vcpus = spec.vcpus;
    return {};
}

Status Core::restore_job(const JobRecord& record) noexcept {
    if (record.id == 0 || find_job_row(*tables_, record.id) != no_row ||
        record.id >= tables_->identity.next_job_id) {
        return Err{Fault::invalid_argument};
    }
    const std::uint32_t row = tables_->jobs.add();
    if (row == no_row) {
        return Err{Fault::limit_reached};
    }
    JobRow& job = tables_->jobs[row];
    job.record = record;
    job.source_host = find_host_by_name(*tables_, record.source.host);
    job.destination_host =
        record.destination.host.empty() ? no_row : find_host_by_name(*tables_, record.destination.host);
    job.vm = tables_->vm_index.find(record.vm_uuid);
    if (job.vm != no_row && record.kind == JobKind::migrate && record.state == JobState::succeeded) {
        tables_->vms[job.vm].dirty_mib_per_second = dirty_rate(record);
    }
    if (job.settled()) {
        tables_->job_index.add(record.id, row);
        return {};
    }
    if (job.vm == no_row) {
        // A guest that was only found has no record of its own; its open job brings it back.
        job.vm = tables_->add_vm();
        if (job.vm == no_row) {
            tables_->jobs.remove(row);
            return Err{Fault::limit_reached};
        }
        VmRow& guest = tables_->vms[job.vm];
        guest.record.uuid = record.vm_uuid;
        guest.record.name = record.vm_name;
        guest.memory_mib = record.memory_mib;
        guest.unconfirmed = true;
        tables_->vm_index.add(record.vm_uuid, job.vm);
    }
    tables_->job_index.add(record.id, row);
    tables_->vms[job.vm].job = row;
    return {};
}

Status Core::restore_plan(const PlanView& plan) noexcept {
    if (plan.record.id == 0 || plan.record.id >= tables_->identity.next_plan_id ||
        find_plan_row(*tables_, plan.record.id) != no_row || plan.moves.size() != plan.record.moves ||
        plan.rejected.size() != plan.record.rejected || plan.hosts.size() != plan.record.hosts) {
        return Err{Fault::invalid_argument};
    }
    const Limits& limits = tables_->settings.limits;
    if (plan.moves.size() > limits.moves_per_plan || plan.rejected.size() > limits.rejected_per_plan ||
        plan.hosts.size() > limits.hosts) {
        return Err{Fault::limit_reached};
    }
    const std::uint32_t row = tables_->add_plan();
    if (row == no_row) {
        return Err{Fault::limit_reached};
    }
    PlanRow& kept = tables_->plans[row];
    kept.record = plan.record;
    std::copy(plan.moves.begin(), plan.moves.end(), kept.moves.begin());
    std::copy(plan.rejected.begin(), plan.rejected.end(), kept.rejected.begin());
    std::copy(plan.hosts.begin(), plan.hosts.end(), kept.hosts.begin());
    kept.by_rule = plan.by_rule;
    return {};
}

Status Core::restore_idempotency(const IdempotencyRecord& record) noexcept {
    if (record.key.empty()) {
        return Err{Fault::invalid_argument};
    }
    const std::uint32_t row = tables_->keys.add();
    if (row == no_row) {
        return Err{Fault::limit_reached};
    }
    tables_->keys[row].record = record;
    return {};
}

Status Core::restore_change(const HistoryChange& change) noexcept {
    Tables& t = *tables_;
    const std::uint32_t vm = t.vm_index.find(change.vm);
    if (vm != no_row) {
        t.vms[vm].history.add(change.row);
    }
    // Decisions themselves are not kept. Their numbers go on, so that none is taken for another's.
    t.last_decision = t.decisions_forgotten = std::max(t.last_decision, change.row.decision);
    return {};
}

void Core::start(const Now& now) noexcept {
    Tables& t = *tables_;
    t.started = now.mono;
    t.balance_next = now.mono;
    for (HostRow& host : t.hosts.rows()) {
        host.link_changed = now.mono;
    }
    for (JobRow& job : t.jobs.rows()) {
        if (job.in_use) {
            // A silent side is given up only after its agent has been connected for a while, so `heard` may
            // start at the beginning of time.
            job.deadline = deadline_of(job.record, now);
            adopt_move(t, job);
        }
    }
    for (PlanRow& plan : t.plans.rows()) {
        if (plan.in_use && plan.record.prediction == PredictionState::open) {
            open_prediction(t, now, plan);  // the series begin anew
        }
    }
    start_desktops(t, now);
    for (VmRow& vm : t.vms.rows()) {
        if (vm.in_use) {
            vm.state_reason = VmReason::not_reported;
        }
    }
    recount_jobs(t);
}

}  // namespace ballast::controller
