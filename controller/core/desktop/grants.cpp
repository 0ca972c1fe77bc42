// Which common desktop a session gets: a ready one, else a paused one, else a saved one (VDS, "CVM states");
// else why none, and what would help.
#include <algorithm>

#include "controller/core/desktop/parts.hpp"

namespace ballast::controller {
namespace {

struct Look {
    Grant best;
    double best_load = 0;
    std::uint32_t starting = 0;
    std::uint32_t in_use = 0;
    std::uint32_t alive = 0;
    std::uint32_t longest_idle = no_row;  // a session that nobody is connected to
    std::uint64_t missing_mib = 0;        // for restoring a saved one, on `memory_host`
    HostName memory_host;
};

int rank(DesktopState tier) noexcept {
    return tier == DesktopState::ready
               ? 3
               : (tier == DesktopState::paused ? 2 : (tier == DesktopState::saved ? 1 : 0));
}

void add_reason(Outcome& outcome, const Reason& reason) noexcept {
    if (!outcome.reasons.try_push(reason)) {
        ++outcome.reasons_left_out;
    }
}

// Why this desktop cannot be had; nothing when it can.
std::optional<Reason> obstacle(const Step& step, const DesktopRow& desktop, Look& look) noexcept {
    const Tables& t = step.t;
    const Name& name = desktop.record.name;
    const DesktopState state = desktop.record.state;
    if (desktop.record.session != 0) {
        ++look.in_use;
        const std::uint32_t session = find_session(t, desktop.record.session);
        const bool left = session != no_row && t.sessions[session].record.left.unix_ms != 0;
        if (left && (look.longest_idle == no_row ||
                     t.sessions[session].record.left < t.sessions[look.longest_idle].record.left)) {
            look.longest_idle = session;
        }
        return Reason{name, "in_use_by_session", 0, 1};
    }
    if (state == DesktopState::creating) {
        ++look.starting;
        return Reason{name, "being_created", 0, 1};
    }
    if (rank(state) == 0) {
        return Reason{name, to_string(state), 0, 1};
    }
    if (desktop.goal == Goal::discard) {
        return Reason{name, "being_removed", 0, 1};
    }
    const std::uint32_t host = desktop_host(t, desktop);
    if (host == no_row || !host_live(t, host) || t.hosts[host].state == HostState::suspect) {
        return Reason{name, "host_unreachable", 0, 1};
    }
    if (t.hosts[host].state == HostState::draining) {
        return Reason{name, "host_draining", 0, 1};
    }
    if (!vm_blocked(t, desktop.vm).empty()) {
        return Reason{name, "operation_under_way", 0, 1};
    }
    if (state != DesktopState::ready && !job_limit(t, host, no_row).empty()) {
        return Reason{name, "agent_jobs", t.hosts[host].open_jobs + 1.0, double(t.settings.agent_jobs_max)};
    }
    if (state == DesktopState::saved) {
        const HostRoom& room = t.rooms[host];
        const std::uint64_t would_use_mib = room.used_mib + t.vms[desktop.vm].memory_mib;
        if (would_use_mib > room.may_use_mib) {
            if (look.memory_host.empty() || would_use_mib - room.may_use_mib < look.missing_mib) {
                look.memory_host = t.hosts[host].record.name;
                look.missing_mib = would_use_mib - room.may_use_mib;
            }
            return Reason{name, "destination_memory", static_cast<double>(would_use_mib),
                          static_cast<double>(room.may_use_mib)};
        }
    }
    return std::nullopt;
}

// The tier decides; within it the least loaded host, then the name.
void consider(const Tables& t, std::uint32_t row, Look& look) noexcept {
    const DesktopRow& desktop = t.desktops[row];
    const double load = t.rooms[desktop_host(t, desktop)].cpu;
    const int better = rank(desktop.record.state) - rank(look.best.tier);
    const bool wins =
        look.best.desktop == no_row || better > 0 ||
        (better == 0 &&
         (load < look.best_load ||
          (load == look.best_load && desktop.record.name < t.desktops[look.best.desktop].record.name)));
    if (wins) {
        look.best = {row, desktop.record.state};
        look.best_load = load;
    }
}

void suggest(Step& step, std::uint32_t pool, const Look& look, Outcome& outcome) noexcept {
    const DesktopPoolRecord& record = step.t.desktop_pools[pool].record;
    if (look.starting > 0) {
        (void)outcome.would_help.try_push({compose("wait: ", look.starting, " desktops are being created"),
                                           "the first of them is granted"});
    }
    if (look.alive >= record.targets.max) {
        const DesktopPlacement placement = place_desktop(step, pool, compose(record.name, "-"));
        if (placement.host != no_row) {
            (void)outcome.would_help.try_push(
                {compose("raise targets.max above ", record.targets.max),
                 compose(step.t.hosts[placement.host].record.name, " has room for one more desktop")});
        } else if (!placement.nearest.empty()) {
            (void)outcome.would_help.try_push(
                {compose("raise targets.max above ", record.targets.max, " and free ",
                         placement.nearest_missing_mib, " MiB on ", placement.nearest),
                 compose(placement.nearest, " could take one more desktop")});
        }
    } else if (look.starting == 0) {
        (void)outcome.would_help.try_push(
            {compose("raise targets.ready above ", record.targets.ready), "more desktops are kept ready"});
    }
    if (look.longest_idle != no_row) {
        const SessionRecord& session = step.t.sessions[look.longest_idle].record;
        (void)outcome.would_help.try_push(
            {compose("end session ", session.id, ", which nobody is connected to"),
             "its desktop is granted next"});
    }
    if (!look.memory_host.empty()) {
        (void)outcome.would_help.try_push({compose("free ", look.missing_mib, " MiB on ", look.memory_host),
                                           "a saved desktop can be restored there"});
    }
}

}  // namespace

Grant choose_desktop(Step& step, std::uint32_t pool, Outcome& outcome) noexcept {
    know_hosts(step);
    Look look;
    for (std::uint32_t row = 0; row < step.t.desktops.rows().size(); ++row) {
        const DesktopRow& desktop = step.t.desktops[row];
        if (!desktop.in_use || desktop.pool != pool || desktop.record.state == DesktopState::inactive) {
            continue;
        }
        ++look.alive;
        if (const auto why_not = obstacle(step, desktop, look)) {
            add_reason(outcome, *why_not);
        } else {
            consider(step.t, row, look);
        }
    }
    if (look.best.desktop != no_row) {
        outcome.reasons.clear();
        outcome.reasons_left_out = 0;
        return look.best;
    }
    const DesktopPoolRow& row = step.t.desktop_pools[pool];
    refuse(outcome, Slug::no_capacity, Fault::limit_reached,
           compose("pool ", row.record.name, " has no desktop for this session: ", look.alive, " of at most ",
                   row.record.targets.max, " exist, ", look.in_use, " are in use, ", look.starting,
                   " are being created"));
    outcome.retry_after_seconds = look.starting > 0 ? 5 : 30;
    suggest(step, pool, look, outcome);
    return {};
}

}  // namespace ballast::controller
