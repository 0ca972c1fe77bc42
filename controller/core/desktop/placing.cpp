// Which host gets one more desktop, and why the others do not.
#include <algorithm>

#include "controller/core/desktop/parts.hpp"
#include "policy/means.hpp"
#include "policy/placement.hpp"

namespace ballast::controller {
namespace {

bool starting(DesktopState state) noexcept {
    return state == DesktopState::creating || state == DesktopState::restoring ||
           state == DesktopState::booting;
}

bool heavy(DesktopState state) noexcept {
    return state == DesktopState::creating || state == DesktopState::restoring ||
           state == DesktopState::saving;
}

}  // namespace

bool shows_in_rooms(DesktopState state) noexcept {
    return starting(state) || heavy(state);
}

namespace {

// Guests of the group on the host, or on their way there, the desktop itself aside.
std::uint32_t of_group(const Tables& t, std::string_view group, std::string_view desktop,
                       std::uint32_t host) noexcept {
    std::uint32_t count = 0;
    for (std::uint32_t vm = 0; vm < t.vms.rows().size() && !group.empty(); ++vm) {
        const VmRow& other = t.vms[vm];
        const bool migrates = other.job != no_row && t.jobs[other.job].record.kind == JobKind::migrate;
        const bool there = other.host == host || (migrates && t.jobs[other.job].destination_host == host);
        count += other.in_use && there && other.record.name.view() != desktop &&
                         group_of(t, other.record.name) == group
                     ? 1
                     : 0;
    }
    return count;
}

std::optional<Reason> obstacle(const Step& step, std::uint32_t host, const DesktopPoolRow& pool,
                               std::uint32_t pool_row, std::string_view desktop) noexcept {
    const Tables& t = step.t;
    const HostRow& row = t.hosts[host];
    const HostRoom& room = t.rooms[host];
    const auto why = [&row](std::string_view constraint, double have, double need) {
        return Reason{row.record.name, constraint, have, need};
    };
    if (row.state != HostState::up) {
        return why("host_state", 0, 1);
    }
    if (!host_capable(row, pool.record.guest.type)) {
        return why("capability", 0, 1);
    }
    if (!pool.record.volumes.empty() && !row.store_proven) {
        return why("store_not_proven", 0, 1);
    }
    const HostTrial& trial = t.trial(pool_row, host);
    if (step.now.mono < trial.not_before) {
        return why("failed_before_wait_seconds", 0,
                   static_cast<double>((trial.not_before - step.now.mono).ms) / 1000);
    }
    if (room.operations >= t.settings.desktops.host_operations_max) {
        return why("host_operations", room.operations + 1, t.settings.desktops.host_operations_max);
    }
    if (!job_limit(t, host, no_row).empty()) {
        return why("agent_jobs", row.open_jobs + 1, t.settings.agent_jobs_max);
    }
    if (const std::uint32_t others = of_group(t, group_of(t, desktop), desktop, host); others > 0) {
        return why("anti_affinity", others + 1, 1);
    }
    const std::uint64_t would_use_mib = room.used_mib + pool.record.guest.memory_mib;
    if (would_use_mib > room.may_use_mib) {
        return why("destination_memory", static_cast<double>(would_use_mib),
                   static_cast<double>(room.may_use_mib));
    }
    return std::nullopt;
}

void add_reason(DesktopPlacement& placement, const Reason& reason) noexcept {
    if (!placement.reasons.try_push(reason)) {
        ++placement.reasons_left_out;
    }
    if (reason.constraint == "destination_memory") {
        const auto missing = static_cast<std::uint64_t>(reason.have - reason.need);
        if (placement.nearest.empty() || missing < placement.nearest_missing_mib) {
            placement.nearest = reason.candidate;
            placement.nearest_missing_mib = missing;
        }
    }
}

// A pool's desktops spread over the hosts, so that one lost host does not take all of them.
void count_pool(Tables& t, std::uint32_t pool) noexcept {
    for (HostRoom& room : t.rooms) {
        room.of_pool = 0;
    }
    if (t.desktop_pools[pool].record.kind != VmKind::common) {
        return;
    }
    for (const DesktopRow& desktop : t.desktops.rows()) {
        const std::uint32_t host = desktop.in_use && desktop.pool == pool ? desktop_host(t, desktop) : no_row;
        if (host != no_row) {
            ++t.rooms[host].of_pool;
        }
    }
}

}  // namespace

void measure_hosts(Step& step) noexcept {
    Tables& t = step.t;
    const policy::Pool model = build_model(t, step.now);
    policy::measure(model, t.settings.balance.parameters.window, t.workspace);
    for (std::uint32_t host = 0; host < t.hosts.rows().size(); ++host) {
        const policy::Host& seen = model.hosts[host];
        t.rooms[host] = HostRoom{};
        t.rooms[host].cpu = t.workspace.host_load[host].cpu;
        t.rooms[host].used_mib = t.workspace.memory_used_mib[host];
        t.rooms[host].may_use_mib =
            seen.memory_mib > seen.memory_reserved_mib ? seen.memory_mib - seen.memory_reserved_mib : 0;
    }
    for (const DesktopRow& desktop : t.desktops.rows()) {
        const std::uint32_t host = desktop.in_use ? desktop_host(t, desktop) : no_row;
        if (host != no_row) {
            t.rooms[host].starting += starting(desktop.record.state) ? 1 : 0;
            t.rooms[host].operations += heavy(desktop.record.state) ? 1 : 0;
        }
    }
    t.rooms_hold = true;
}

void know_hosts(Step& step) noexcept {
    if (!step.t.rooms_hold) {
        measure_hosts(step);
    }
}

namespace {

// The best of the hosts that are marked, as place_desktop chooses. `no_row`: none is.
std::uint32_t best_of(const Tables& t) noexcept {
    std::uint32_t best = no_row;
    double best_load = 0;
    for (std::uint32_t host = 0; host < t.hosts.rows().size(); ++host) {
        if (!t.capable[host]) {
            continue;
        }
        // A guest that is being started shows no load yet.
        const HostRow& row = t.hosts[host];
        const double load = t.rooms[host].cpu + t.rooms[host].starting / std::max(1.0, double(row.cpu_count));
        const std::uint32_t count = t.rooms[host].of_pool;
        const auto better = [&] {
            const std::uint32_t best_count = t.rooms[best].of_pool;
            return count != best_count ? count < best_count
                   : load != best_load ? load < best_load
                                       : row.record.name < t.hosts[best].record.name;
        };
        if (best == no_row || better()) {
            best = host;
            best_load = load;
        }
    }
    return best;
}

// The first in that order with which the pool of hosts can still restart the guests of its largest one; if
// there is none among the first few, or none before either, the first of all.
std::uint32_t best_that_spares(Tables& t, std::uint64_t memory_mib) noexcept {
    constexpr std::uint32_t looked_at_max = 8;
    const std::uint32_t first = best_of(t);
    const policy::Pool pool{t.model_hosts, t.model_vms};
    for (std::uint32_t host = 0; host < t.hosts.rows().size(); ++host) {
        t.workspace.memory_used_mib[host] = t.rooms[host].used_mib;
    }
    if (first == no_row || !policy::spare_host_to_keep(pool, t.settings.balance.parameters, t.workspace)) {
        return first;
    }
    std::uint32_t host = first;
    for (std::uint32_t looks = 0; host != no_row && looks < looked_at_max; ++looks) {
        if (policy::survives_largest(pool, t.workspace, {.to = host, .memory_mib = memory_mib})) {
            return host;
        }
        t.capable[host] = false;
        host = best_of(t);
    }
    return first;
}

}  // namespace

DesktopPlacement place_desktop(Step& step, std::uint32_t pool_row, std::string_view desktop) noexcept {
    Tables& t = step.t;
    const DesktopPoolRow& pool = t.desktop_pools[pool_row];
    DesktopPlacement placement;
    count_pool(t, pool_row);
    for (std::uint32_t host = 0; host < t.hosts.rows().size(); ++host) {
        t.capable[host] = false;
        if (!t.hosts[host].in_use) {
            continue;
        }
        if (const auto why_not = obstacle(step, host, pool, pool_row, desktop)) {
            add_reason(placement, *why_not);
        } else {
            t.capable[host] = true;
        }
    }
    placement.host = best_that_spares(t, pool.record.guest.memory_mib);
    return placement;
}

void charge_host(Step& step, std::uint32_t host, std::uint32_t pool) noexcept {
    HostRoom& room = step.t.rooms[host];
    room.used_mib += step.t.desktop_pools[pool].record.guest.memory_mib;
    ++room.starting;
    ++room.operations;
}

}  // namespace ballast::controller
