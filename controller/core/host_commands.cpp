// Operations on hosts: flags that survive restarts, and removal.
#include "controller/core/step.hpp"

namespace ballast::controller {
namespace {

void set_flags(Step& step, const Command& command, std::uint32_t host, bool cordoned, bool draining,
               Outcome& outcome) noexcept {
    HostRecord& record = step.t.hosts[host].record;
    if (record.cordoned == cordoned && record.draining == draining) {
        outcome.kind = OutcomeKind::already_so;
        return;
    }
    outcome.kind = OutcomeKind::changed;
    if (command.dry_run) {
        return;
    }
    record.cordoned = cordoned;
    record.draining = draining;
    step.out.add(PersistHost{host});
    refresh_host(step, host);
}

// What waited for the host waits no more; whether its agent still holds something, only it knows.
void lose_sides(Step& step, std::uint32_t host) noexcept {
    for (std::uint32_t row = 0; row < step.t.jobs.rows().size(); ++row) {
        JobRow& job = step.t.jobs[row];
        if (!job.in_use || (job.source_host != host && job.destination_host != host)) {
            continue;
        }
        if (job.source_host == host) {
            set_side_state(step, job, job.record.source, SideState::lost, Cause::given_up);
        }
        if (job.destination_host == host) {
            set_side_state(step, job, job.record.destination, SideState::lost, Cause::given_up);
        }
        if (ended(job.record.state)) {
            step.persist_job(row);
            settle_job(step, row);
        } else {
            end_job(step, row, JobState::failed, Fault::host_unreachable,
                    "its host was removed from the pool");
        }
        (job.source_host == host ? job.source_host : job.destination_host) = no_row;
    }
}

void forget_host(Step& step, const Command& command, std::uint32_t host, Outcome& outcome) noexcept {
    const HostRow& row = step.t.hosts[host];
    if (row.link != 0) {
        refuse(outcome, Slug::state_conflict, Fault::state_conflict,
               "its agent is connected: stop the agent first, or it comes back at once");
        return;
    }
    outcome.kind = OutcomeKind::changed;
    if (command.dry_run) {
        return;
    }
    step.out.add(ForgetHost{row.record.name});
    step.report(Severity::info, Subject::host, "host_forgotten", row.record.name, 0, {});
    lose_sides(step, host);
    for (HandoverRow& asked : step.t.handovers.rows()) {
        if (asked.in_use && (asked.source_host == host || asked.destination_host == host)) {
            step.t.handovers.remove(static_cast<std::uint32_t>(&asked - step.t.handovers.rows().data()));
        }
    }
    each_guest_seen(step.t, host, [&](std::uint32_t vm) { drop_sighting(step.t, vm, host); });
    while (step.t.hosts[host].first_guest != no_row) {
        const std::uint32_t vm = step.t.hosts[host].first_guest;
        set_vm_host(step.t, vm, no_row);
        refresh_vm(step, vm);
    }
    forget_sketches(step.t, host, no_row);
    step.t.hosts.remove(host);
    recount_jobs(step.t);
}

}  // namespace

void host_command(Step& step, const Command& command, Outcome& outcome) noexcept {
    const auto uuid = parse_uuid(command.target.view());
    const std::uint32_t host =
        uuid ? step.t.hosts.find([&](const HostRow& row) { return row.record.uuid == *uuid; })
             : find_host_by_name(step.t, command.target);
    if (host == no_row) {
        refuse(outcome, Slug::not_found, Fault::not_found, compose("no host ", command.target));
        return;
    }
    outcome.host = step.t.hosts[host].record.name;
    if (command.kind == CommandKind::host_cordon) {
        set_flags(step, command, host, true, step.t.hosts[host].record.draining, outcome);
    } else if (command.kind == CommandKind::host_uncordon) {
        set_flags(step, command, host, false, false, outcome);
    } else if (command.kind == CommandKind::host_drain) {
        set_flags(step, command, host, true, true, outcome);
    } else {
        forget_host(step, command, host, outcome);
    }
}

}  // namespace ballast::controller
