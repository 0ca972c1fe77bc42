// What state a host is in, and what is counted on it.
#include "controller/core/step.hpp"

namespace ballast::controller {
namespace {

struct Judgement {
    HostState state;
    Detail reason;
};

Judgement judge(const Step& step, const HostRow& host) noexcept {
    const Settings& settings = step.t.settings;
    if (host.link == 0) {
        return {HostState::down, "its agent is not connected"};
    }
    if (!host.inventory_known) {
        return {HostState::suspect, "its agent has not reported its guests yet"};
    }
    if (host.degraded) {
        return {HostState::suspect, "its hypervisor or xenstore does not answer"};
    }
    if (host.samples == 0) {
        return {HostState::suspect, "no sample yet"};
    }
    const Duration patience = settings.sample_interval * settings.stale_after_intervals;
    if (step.now.mono - host.last_sample > patience) {
        return {HostState::suspect, compose("no sample for more than ", patience.ms / 1000, " s")};
    }
    if (host.record.draining) {
        return {HostState::draining, "an operator drains it"};
    }
    if (host.record.cordoned) {
        return {HostState::cordoned, "an operator cordoned it: it takes no guests"};
    }
    return {HostState::up, {}};
}

bool well(HostState state) noexcept {
    return state == HostState::up || state == HostState::draining || state == HostState::cordoned;
}

}  // namespace

void refresh_host(Step& step, std::uint32_t host) noexcept {
    HostRow& row = step.t.hosts[host];
    const Judgement judgement = judge(step, row);
    const HostState before = row.state;
    row.state_reason = judgement.reason;
    if (before != judgement.state || row.since.unix_ms == 0) {
        row.since = step.now.wall;
    }
    if (before == judgement.state) {
        return;
    }
    row.state = judgement.state;
    if (row.state == HostState::suspect && row.samples > 0) {
        ++step.t.counters.hosts_became_stale;
    }
    const Severity severity = well(row.state) ? Severity::info : Severity::warning;
    step.report(severity, Subject::host, "host_state", row.record.name, 0,
                compose(to_string(before), " -> ", to_string(row.state), row.state_reason.empty() ? "" : ": ",
                        row.state_reason));
}

void tick_hosts(Step& step) noexcept {
    for (std::uint32_t host = 0; host < step.t.hosts.rows().size(); ++host) {
        if (step.t.hosts[host].in_use) {
            refresh_host(step, host);
        }
    }
}

void recount_jobs(Tables& t) noexcept {
    t.rooms_hold = false;  // a guest on its way counts on both hosts
    for (HostRow& host : t.hosts.rows()) {
        host.migrations_in = host.migrations_out = host.open_jobs = 0;
    }
    const auto open = [](SideState state) {
        return state == SideState::ordered || state == SideState::working || state == SideState::ready ||
               state == SideState::ended;
    };
    for (const JobRow& job : t.jobs.rows()) {
        if (!job.in_use) {
            continue;
        }
        if (job.source_host != no_row && open(job.record.source.state)) {
            ++t.hosts[job.source_host].open_jobs;
        }
        if (job.destination_host != no_row && open(job.record.destination.state)) {
            ++t.hosts[job.destination_host].open_jobs;
        }
        if (job.record.kind == JobKind::migrate && !job.settled()) {
            if (job.source_host != no_row) {
                ++t.hosts[job.source_host].migrations_out;
            }
            if (job.destination_host != no_row) {
                ++t.hosts[job.destination_host].migrations_in;
            }
        }
    }
}

std::uint32_t find_host_by_name(const Tables& t, std::string_view name) noexcept {
    return t.hosts.find([name](const HostRow& host) { return host.record.name == name; });
}

bool host_live(const Tables& t, std::uint32_t host) noexcept {
    return t.hosts[host].link != 0 && t.hosts[host].inventory_known;
}

}  // namespace ballast::controller
