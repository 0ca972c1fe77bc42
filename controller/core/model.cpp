// The tables as a policy sees them, and what stands in the way of one move.
#include <algorithm>

#include "controller/core/desktop/parts.hpp"
#include "policy/placement.hpp"

namespace ballast::controller {

bool allowed_to_move(const Tables& t, const VmRow& vm) noexcept {
    const bool allowed = vm.record.kind != VmKind::plain || vm.record.ours || t.settings.balance.plain_guests;
    return vm.record.movable && allowed;
}

bool only_a_file_goes(const VmRow& vm) noexcept {
    return vm.state == VmState::stopping && vm.domain_state == DomainState::absent;
}

namespace {

// A guest that two hosts claim, or whose last job an agent has not settled, is not touched.
bool movable(const Tables& t, const VmRow& vm) noexcept {
    return allowed_to_move(t, vm) && !vm.duplicate_suspected && vm.job == no_row &&
           desktop_settled(t, vm.desktop);
}

policy::Host model_host(const Tables& t, const HostRow& row) noexcept {
    policy::Host host;
    if (!row.in_use) {
        return host;
    }
    host.name = row.record.name;
    host.state = row.state;
    host.cpu_cores = row.cpu_count;
    // An agent's word: the policies refuse a pool with more memory than there can be.
    host.memory_mib = std::min(row.memory_mib, policy::memory_mib_max);
    host.memory_reserved_mib = row.memory_overhead_mib + t.settings.memory_reserved_mib;
    host.net_mbps = row.net_mbps;
    host.disk_mbps = t.settings.host_disk_mbps;
    host.site = site_of(t.settings.sites, row.record.name);
    host.dom0_cpu_cores = row.dom0_cpu_cores.values();
    host.migrations_in = row.migrations_in;
    host.migrations_out = row.migrations_out;
    return host;
}

// The calendar may have been set back meanwhile: then it was just now.
std::int64_t seconds_since(WallTime then, const Now& now) noexcept {
    return std::max<std::int64_t>(0, now.wall.unix_ms - then.unix_ms) / 1000;
}

policy::Vm model_vm(const Tables& t, const Now& now, const VmRow& row) noexcept {
    policy::Vm vm;
    if (!row.in_use) {
        return vm;
    }
    vm.name = row.record.name;
    vm.host = row.host;
    vm.state = only_a_file_goes(row) ? VmState::saved : row.state;
    vm.movable = movable(t, row);
    vm.anti_affinity = group_of(t, row.record.name);
    vm.memory_mib = std::min(row.memory_mib, policy::memory_mib_max);
    vm.vcpus = row.vcpus;
    vm.cpu_cores = row.cpu_cores.values();
    vm.net_mbps = row.net_mbps.values();
    vm.disk_mbps = row.disk_mbps.values();
    vm.memory_used_mib = row.memory_used_mib.values();
    if (row.record.last_moved.unix_ms != 0) {
        vm.last_moved_seconds_ago = seconds_since(row.record.last_moved, now);
    }
    if (row.record.started.unix_ms != 0) {
        vm.started_seconds_ago = seconds_since(row.record.started, now);
    }
    vm.came_from = row.record.came_from.empty() ? no_row : find_host_by_name(t, row.record.came_from);
    vm.session_active = row.desktop != no_row && t.desktops[row.desktop].record.session != 0;
    vm.dirty_mib_per_second = row.dirty_mib_per_second;
    if (row.move_not_before > now.wall) {
        vm.last_moved_seconds_ago =
            0;  // what failed a moment ago would fail again: the cool-down holds for it too
    }
    if (row.job != no_row && t.jobs[row.job].record.kind == JobKind::migrate) {
        vm.moving_to = t.jobs[row.job].other_host(row.host);
    }
    return vm;
}

}  // namespace

std::optional<std::uint32_t> minute_of_day(const Now& now) noexcept {
    constexpr std::int64_t ms_per_minute = 60'000;
    constexpr std::int64_t minutes_per_day = 1440;
    if (now.wall.unix_ms <= 0) {
        return std::nullopt;
    }
    return static_cast<std::uint32_t>(now.wall.unix_ms / ms_per_minute % minutes_per_day);
}

policy::Pool build_model(Tables& t, const Now& now) noexcept {
    for (std::uint32_t host = 0; host < t.hosts.rows().size(); ++host) {
        t.model_hosts[host] = model_host(t, t.hosts[host]);
    }
    for (std::uint32_t vm = 0; vm < t.vms.rows().size(); ++vm) {
        t.model_vms[vm] = model_vm(t, now, t.vms[vm]);
    }
    policy::Pool pool{t.model_hosts, t.model_vms};
    pool.minute_of_day = minute_of_day(now);
    pool.sample_interval_seconds = static_cast<double>(t.settings.sample_interval.ms) / 1000;
    return pool;
}

bool host_capable(const HostRow& host, GuestType type) noexcept {
    switch (type) {
        case GuestType::pv: return host.can_pv;
        case GuestType::pvh: return host.can_hvm && host.can_hap;
        case GuestType::hvm: return host.can_hvm;
        case GuestType::unknown: break;
    }
    return true;  // the agent will tell
}

std::string_view group_of(const Tables& t, std::string_view name) noexcept {
    for (const Name& prefix : t.settings.balance.apart) {
        if (name.starts_with(prefix.view())) {
            return prefix.view();
        }
    }
    return {};
}

namespace {

// Completes the request with the hosts that can run this type of guest.
Placement place(Step& step, GuestType type, policy::PlacementRequest request) noexcept {
    Tables& t = step.t;
    const policy::Pool pool = build_model(t, step.now);
    for (std::uint32_t host = 0; host < t.hosts.rows().size(); ++host) {
        t.capable[host] = host_capable(t.hosts[host], type);
    }
    request.capable = t.capable;
    policy::BoundedList<policy::Rejection> rejected{t.placement_rejected};
    Placement placement;
    placement.host = policy::place(pool, request, t.settings.balance.parameters, t.workspace, rejected);
    // Rows that hold no host look like hosts that are down.
    std::size_t kept = 0;
    for (const policy::Rejection& rejection : rejected.items()) {
        if (t.hosts[rejection.to].in_use) {
            t.placement_rejected[kept++] = rejection;
        }
    }
    placement.rejected = t.placement_rejected.first(kept);
    return placement;
}

}  // namespace

Placement place_vm(Step& step, GuestType type, std::uint64_t memory_mib, std::uint32_t vm, std::uint32_t from,
                   Disks disks) noexcept {
    return place(step, type,
                 {.from = from, .memory_mib = memory_mib, .vm = vm, .with_disks = disks == Disks::go_along});
}

Placement place_new(Step& step, const wire::GuestSpec& spec) noexcept {
    return place(step, spec.type, {.memory_mib = spec.memory_mib, .group = group_of(step.t, spec.name)});
}

std::optional<Obstacle> move_obstacle(Step& step, std::uint32_t vm, std::uint32_t from, std::uint32_t to,
                                      Consent consent) noexcept {
    using policy::Constraint;
    Tables& t = step.t;
    const VmRow& guest = t.vms[vm];
    const HostRow& destination = t.hosts[to];
    if (guest.host != from || guest.state != VmState::running || guest.job != no_row ||
        guest.duplicate_suspected || (consent == Consent::policies && !movable(t, guest))) {
        return Obstacle{Constraint::vm_state, 0, 1, false};
    }
    if (destination.state != HostState::up) {
        return Obstacle{Constraint::host_state, 0, 1, false};
    }
    if (!host_live(t, from)) {
        return Obstacle{Constraint::host_state, 0, 1, false};
    }
    const SiteMap& sites = t.settings.sites;
    if (consent == Consent::policies &&
        site_of(sites, destination.record.name) != site_of(sites, t.hosts[from].record.name)) {
        return Obstacle{Constraint::other_site, 0, 1, false};
    }
    if (!host_capable(destination, guest.type)) {
        return Obstacle{Constraint::capability, 0, 1, false};
    }
    const std::uint32_t in_flight_max = t.settings.balance.parameters.in_flight_max;
    if (destination.migrations_in >= in_flight_max) {
        return Obstacle{Constraint::destination_in_flight, double(destination.migrations_in) + 1,
                        double(in_flight_max), true};
    }
    if (t.hosts[from].migrations_out >= in_flight_max) {
        return Obstacle{Constraint::source_in_flight, double(t.hosts[from].migrations_out) + 1,
                        double(in_flight_max), true};
    }
    const policy::Pool pool = build_model(t, step.now);
    std::uint64_t used_mib = guest.memory_mib;
    const std::string_view group = consent == Consent::policies ? pool.vms[vm].anti_affinity : "";
    for (const policy::Vm& other : pool.vms) {
        const bool there = other.host == to || other.moving_to == to;
        if (there && !group.empty() && other.anti_affinity == group && &other != &pool.vms[vm]) {
            const bool leaves = other.moving_to != no_row && other.moving_to != to;
            return Obstacle{Constraint::anti_affinity, 2, 1, leaves};
        }
        used_mib += other.host == to && policy::holds_memory(other) ? other.memory_mib : 0;
        used_mib += other.moving_to == to ? other.memory_mib : 0;
    }
    const policy::Host& host = pool.hosts[to];
    const std::uint64_t may_mib =
        host.memory_mib > host.memory_reserved_mib ? host.memory_mib - host.memory_reserved_mib : 0;
    if (used_mib > may_mib) {
        // A guest that is leaving the destination will make room.
        return Obstacle{Constraint::destination_memory, static_cast<double>(used_mib),
                        static_cast<double>(may_mib), destination.migrations_out > 0};
    }
    return std::nullopt;
}

}  // namespace ballast::controller
