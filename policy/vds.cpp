#include "policy/vds.hpp"

#include <algorithm>
#include <cmath>

#include "base/compose.hpp"

namespace ballast::policy {
namespace {

// One planning round.
struct VdsRound {
    const Policy& policy;
    const Pool& pool;
    const Parameters& parameters;
    Workspace& workspace;
    Plan& out;

    const Host& host(HostIndex h) const noexcept { return pool.hosts[h]; }
    double cpu(HostIndex h) const noexcept { return workspace.host_load[h].cpu; }
    double vm_cores(VmIndex v) const noexcept { return workspace.vm_mean[v][Resource::cpu]; }
};

// The up host with the highest mean CPU among those at or above the critical load, ties by name.
HostIndex find_source(const VdsRound& round) noexcept {
    HostIndex source = no_index;
    for (HostIndex h = 0; h < round.pool.hosts.size(); ++h) {
        if (round.host(h).state != HostState::up || round.cpu(h) < round.parameters.critical_load) {
            continue;
        }
        const auto samples = static_cast<double>(round.host(h).dom0_cpu_cores.size());
        if (samples < round.parameters.samples_min) {
            round.out.reject(
                {no_index, h, Constraint::too_few_samples, samples, double(round.parameters.samples_min)});
            continue;
        }
        if (source == no_index || round.cpu(h) > round.cpu(source) ||
            (round.cpu(h) == round.cpu(source) && round.host(h).name < round.host(source).name)) {
            source = h;
        }
    }
    return source;
}

// The slice of the guests, busiest first, that the guest rule takes.
std::span<const VmIndex> apply_rule(const VdsRound& round, std::span<const VmIndex> order) noexcept {
    const double rate =
        round.parameters.guest_rate > 0 ? round.parameters.guest_rate : round.policy.guest_rate;
    const std::size_t count = share_of(order.size(), rate);
    switch (round.policy.guests) {
        case GuestRule::none: return {};
        case GuestRule::busiest: return order.first(std::min<std::size_t>(order.size(), 1));
        case GuestRule::lower_half: return order.last(count);
        case GuestRule::upper_without_first: return order.empty() ? order : order.first(count).subspan(1);
        case GuestRule::uppermost: return order.first(count);
    }
    return {};
}

// The guests that may leave, busiest first, ties by name; of them those that the guest rule takes.
std::span<const VmIndex> select_guests(const VdsRound& round, HostIndex source) noexcept {
    std::size_t count = 0;
    for (VmIndex v = 0; v < round.pool.vms.size(); ++v) {
        const Vm& vm = round.pool.vms[v];
        if (vm.host == source && vm.state == VmState::running && vm.movable && vm.moving_to == no_index) {
            round.workspace.guest_order[count++] = v;
        }
    }
    const std::span<VmIndex> order = round.workspace.guest_order.first(count);
    std::sort(order.begin(), order.end(), [&](VmIndex a, VmIndex b) {
        const double cpu_a = round.vm_cores(a);
        const double cpu_b = round.vm_cores(b);
        return cpu_a != cpu_b ? cpu_a > cpu_b : round.pool.vms[a].name < round.pool.vms[b].name;
    });
    const std::span<const VmIndex> selected = apply_rule(round, order);
    for (std::size_t place = 0; place < count; ++place) {
        round.out.pass_over(order[place], Constraint::not_selected, static_cast<double>(place + 1),
                            static_cast<double>(selected.size()));
    }
    return selected;
}

// The up hosts of the source's site beside it, least loaded first, ties by name; of them the share that B and
// C keep.
std::span<const HostIndex> select_destinations(const VdsRound& round, HostIndex source) noexcept {
    std::size_t count = 0;
    for (HostIndex h = 0; h < round.pool.hosts.size(); ++h) {
        const bool reachable = round.host(h).site == round.host(source).site;
        if (h != source && reachable && round.host(h).state == HostState::up) {
            round.workspace.destination_order[count++] = h;
        }
    }
    const std::span<HostIndex> order = round.workspace.destination_order.first(count);
    std::sort(order.begin(), order.end(), [&](HostIndex a, HostIndex b) {
        return round.cpu(a) != round.cpu(b) ? round.cpu(a) < round.cpu(b)
                                            : round.host(a).name < round.host(b).name;
    });
    if (round.policy.destinations == DestinationRule::least_loaded) {
        return order;
    }
    const double rate = round.parameters.host_rate > 0 ? round.parameters.host_rate : round.policy.host_rate;
    return order.first(share_of(count, rate));
}

// Refused before any destination is looked at.
bool held_back(const VdsRound& round, VmIndex vm) noexcept {
    const auto settled = settled_seconds(round.pool.vms[vm]);
    if (settled && *settled < std::int64_t{round.parameters.cool_down_seconds}) {
        round.out.reject({vm, no_index, Constraint::cool_down, static_cast<double>(*settled),
                          double(round.parameters.cool_down_seconds)});
        return true;
    }
    const std::size_t moves = round.out.moves.size();
    const bool asked_for = round.parameters.moves_max != 0 && moves >= round.parameters.moves_max;
    if (asked_for || round.out.moves.full()) {
        const auto limit = static_cast<double>(moves);
        round.out.reject({vm, no_index, Constraint::moves_max, limit + 1, limit});
        return true;
    }
    return false;
}

// The first destination from `start` on, cyclically, that is free to take a guest and has the memory.
HostIndex find_room(const VdsRound& round, VmIndex vm, std::span<const HostIndex> destinations,
                    std::size_t start) noexcept {
    const std::uint64_t need_mib = round.pool.vms[vm].memory_mib;
    for (std::size_t step = 0; step < destinations.size(); ++step) {
        const HostIndex h = destinations[(start + step) % destinations.size()];
        const Host& host = round.host(h);
        if (host.migrations_in >= round.parameters.in_flight_max) {
            round.out.reject({vm, h, Constraint::destination_in_flight, double(host.migrations_in) + 1,
                              double(round.parameters.in_flight_max)});
            continue;
        }
        const std::uint64_t would_use_mib = round.workspace.memory_planned_mib[h] + need_mib;
        const std::uint64_t may_use_mib = memory_for_guests_mib(host);
        if (would_use_mib > may_use_mib) {
            round.out.reject({vm, h, Constraint::destination_memory, static_cast<double>(would_use_mib),
                              static_cast<double>(may_use_mib)});
            continue;
        }
        return h;
    }
    return no_index;
}

Detail explain(const VdsRound& round, VmIndex vm, HostIndex source, HostIndex to, std::size_t rank) noexcept {
    const Vm& guest = round.pool.vms[vm];
    return compose(round.host(source).name, " is at ", Decimals{round.cpu(source) * 100, 1},
                   "% CPU (critical ", Decimals{round.parameters.critical_load * 100, 1}, "%); ", guest.name,
                   " is choice ", rank + 1, " of ", round.policy.name, " with ",
                   Decimals{round.vm_cores(vm), 2}, " cores; ", round.host(to).name, " had ",
                   Decimals{round.workspace.host_cpu_planned[to] * 100, 1}, "% CPU and room for ",
                   guest.memory_mib, " MiB");
}

void try_guest(const VdsRound& round, HostIndex source, VmIndex vm, std::span<const HostIndex> destinations,
               std::size_t rank) noexcept {
    if (held_back(round, vm)) {
        return;
    }
    const bool spread = round.policy.destinations == DestinationRule::spread;
    const HostIndex to = find_room(round, vm, destinations, spread ? rank % destinations.size() : 0);
    if (to == no_index) {
        return;
    }
    const double cores = round.vm_cores(vm);
    const double cpu_after = round.workspace.host_cpu_planned[to] + cores / round.host(to).cpu_cores;
    if (cpu_after > round.cpu(source)) {
        round.out.reject({vm, to, Constraint::destination_cpu, cpu_after, round.cpu(source)});
        return;
    }
    const std::uint64_t memory_mib = round.pool.vms[vm].memory_mib;
    Move move;
    move.vm = vm;
    move.from = source;
    move.to = to;
    move.memory_mib = memory_mib;
    move.vm_cpu_cores = cores;
    move.why = explain(round, vm, source, to, rank);
    round.out.moves.push(move);
    round.workspace.host_cpu_planned[to] = cpu_after;
    round.workspace.memory_planned_mib[to] += memory_mib;
}

}  // namespace

std::size_t share_of(std::size_t count, double rate) noexcept {
    constexpr std::uint64_t million = 1'000'000;
    const auto parts = static_cast<std::uint64_t>(std::llround(rate * double(million)));
    return std::min(count, static_cast<std::size_t>((count * parts + million - 1) / million));
}

void decide_vds(const Policy& policy, const Pool& pool, const Parameters& parameters, Workspace& workspace,
                Plan& out) noexcept {
    const VdsRound round{policy, pool, parameters, workspace, out};
    const HostIndex source = find_source(round);
    out.source = source;
    if (source == no_index) {
        return;
    }
    if (round.host(source).migrations_out >= parameters.in_flight_max) {
        // What it measures now still holds the guest that is leaving.
        out.reject({no_index, source, Constraint::source_in_flight,
                    double(round.host(source).migrations_out) + 1, double(parameters.in_flight_max)});
        return;
    }
    const std::span<const HostIndex> destinations = select_destinations(round, source);
    if (destinations.empty()) {
        out.reject({no_index, source, Constraint::no_destination, 0, 1});
        return;
    }
    for (std::size_t h = 0; h < pool.hosts.size(); ++h) {
        workspace.host_cpu_planned[h] = workspace.host_load[h].cpu;
        workspace.memory_planned_mib[h] = workspace.memory_used_mib[h];
    }
    const std::span<const VmIndex> guests = select_guests(round, source);
    for (std::size_t rank = 0; rank < guests.size(); ++rank) {
        try_guest(round, source, guests[rank], destinations, rank);
    }
}

}  // namespace ballast::policy
