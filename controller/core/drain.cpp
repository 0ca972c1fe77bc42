// Draining: guests leave a host one after the other, each to the least loaded host that can take it, until
// the host is empty of running guests or the operator uncordons it. Needs no plan of its own and so survives
// restarts: the flag is enough to go on.
#include "controller/core/desktop/parts.hpp"

namespace ballast::controller {
namespace {

// A guest that has just been started cannot be suspended yet.
bool boots(const Step& step, const VmRow& row) noexcept {
    const std::int64_t since_ms = step.now.wall.unix_ms - row.record.started.unix_ms;
    return row.record.started.unix_ms != 0 && since_ms < step.t.settings.drain_retry.ms;
}

// The next guest to go: by name, those that could not leave a while ago not yet again.
std::uint32_t next_guest(const Step& step, std::uint32_t host) noexcept {
    std::uint32_t next = no_row;
    for (std::uint32_t vm = 0; vm < step.t.vms.rows().size(); ++vm) {
        const VmRow& row = step.t.vms[vm];
        const bool can_go = row.in_use && row.host == host && row.state == VmState::running &&
                            row.job == no_row && row.record.movable && !row.duplicate_suspected &&
                            desktop_settled(step.t, row.desktop) && row.move_not_before <= step.now.wall &&
                            !boots(step, row);
        if (can_go && (next == no_row || row.record.name < step.t.vms[next].record.name)) {
            next = vm;
        }
    }
    return next;
}

void send_away(Step& step, std::uint32_t host, std::uint32_t vm) noexcept {
    VmRow& guest = step.t.vms[vm];
    // Whatever comes of it, the others get their turn first.
    guest.move_not_before = step.wall_after(step.t.settings.drain_retry);
    const Placement placement = place_vm(step, guest.type, guest.memory_mib, vm, host);
    DecisionRow decision;
    decision.origin = JobOrigin::drain;
    decision.source = step.t.hosts[host].record.name;
    decision.vm = guest.record.name;
    add_rejections(step.t, placement.rejected, decision);
    if (placement.host == no_row || !job_limit(step.t, host, placement.host).empty()) {
        decision.kind = DecisionKind::not_placed;
        decision.why = "no host can take this guest of a draining host now";
        decide(step, decision);
        return;
    }
    NewJob wanted;
    wanted.kind = JobKind::migrate;
    wanted.origin = JobOrigin::drain;
    wanted.vm = vm;
    wanted.host = host;
    wanted.destination = placement.host;
    wanted.expected.push(DomainState::running);
    const JobMade made = make_job(step, wanted);
    BALLAST_ASSERT(made.job != no_row);
    decision.kind = DecisionKind::drained_guest;
    decision.chosen = step.t.hosts[placement.host].record.name;
    decision.job_id = step.t.jobs[made.job].record.id;
    decision.why = "its host is draining; this host is the least loaded that can take it";
    decide(step, decision);
}

std::size_t migrations_under_way(const Tables& t) noexcept {
    std::size_t count = 0;
    for (const HostRow& host : t.hosts.rows()) {
        count += host.in_use ? host.migrations_out : 0;
    }
    return count;
}

}  // namespace

void tick_drain(Step& step) noexcept {
    const Settings& settings = step.t.settings;
    for (std::uint32_t host = 0; host < step.t.hosts.rows().size(); ++host) {
        const HostRow& row = step.t.hosts[host];
        if (!row.in_use || !row.record.draining || !host_live(step.t, host) ||
            row.migrations_out >= settings.balance.parameters.in_flight_max ||
            migrations_under_way(step.t) >= settings.migrations_max) {
            continue;
        }
        if (const std::uint32_t vm = next_guest(step, host); vm != no_row) {
            send_away(step, host, vm);
        }
    }
}

}  // namespace ballast::controller
