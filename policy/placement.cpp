#include "policy/placement.hpp"

#include <algorithm>

#include "policy/judge.hpp"
#include "policy/means.hpp"

namespace ballast::policy {
namespace {

// A guest that has shown no load yet will use something: without it, all that are started together would go
// to the one host that is idlest now.
constexpr double unseen_guest_cores = 0.5;

// Guests of the wanted one's group that are on the host, or on their way there.
std::uint32_t of_its_group(const Pool& pool, const PlacementRequest& request, HostIndex h) noexcept {
    const std::string_view group =
        request.vm == no_index ? request.group : pool.vms[request.vm].anti_affinity;
    std::uint32_t count = 0;
    for (VmIndex v = 0; v < pool.vms.size() && !group.empty(); ++v) {
        const Vm& other = pool.vms[v];
        count += v != request.vm && (other.host == h || other.moving_to == h) && other.anti_affinity == group
                     ? 1
                     : 0;
    }
    return count;
}

// Nothing when the host can take the guest.
std::optional<Rejection> obstacle(const Pool& pool, const PlacementRequest& request,
                                  const Parameters& parameters, const Workspace& workspace,
                                  HostIndex h) noexcept {
    const Host& host = pool.hosts[h];
    if (host.state != HostState::up) {
        return Rejection{request.vm, h, Constraint::host_state, 0, 1};
    }
    if (request.from != no_index && !request.with_disks && pool.hosts[request.from].site != host.site) {
        return Rejection{request.vm, h, Constraint::other_site, 0, 1};
    }
    if (!request.capable.empty() && !request.capable[h]) {
        return Rejection{request.vm, h, Constraint::capability, 0, 1};
    }
    if (request.from != no_index && host.migrations_in >= parameters.in_flight_max) {
        return Rejection{request.vm, h, Constraint::destination_in_flight, double(host.migrations_in) + 1,
                         double(parameters.in_flight_max)};
    }
    if (const std::uint32_t others = of_its_group(pool, request, h); others > 0) {
        return Rejection{request.vm, h, Constraint::anti_affinity, double(others) + 1, 1};
    }
    const std::uint64_t would_use_mib = workspace.memory_used_mib[h] + request.memory_mib;
    const std::uint64_t may_use_mib = memory_for_guests_mib(host);
    if (would_use_mib > may_use_mib) {
        return Rejection{request.vm, h, Constraint::destination_memory, static_cast<double>(would_use_mib),
                         static_cast<double>(may_use_mib)};
    }
    return std::nullopt;
}

// What the guest will use: its means; of one that has not been seen yet only its memory is known.
Amounts use_of(const PlacementRequest& request, const Workspace& workspace) noexcept {
    Amounts use;
    if (request.vm != no_index) {
        use = workspace.vm_mean[request.vm];
    } else {
        use[Resource::memory] = static_cast<double>(request.memory_mib);
    }
    return use;
}

// The host's CPU with the guest, and with what has been sent there and does not show in its load yet.
double score(const Pool& pool, const PlacementRequest& request, const Workspace& workspace,
             HostIndex h) noexcept {
    double cores = request.vm == no_index ? 0 : workspace.vm_mean[request.vm][Resource::cpu];
    for (VmIndex v = 0; v < pool.vms.size(); ++v) {
        const Vm& vm = pool.vms[v];
        const bool comes = vm.moving_to == h;
        if (v == request.vm || (vm.host != h && !comes)) {
            continue;
        }
        const bool unseen = vm.state != VmState::saved && vm.cpu_cores.empty();
        cores += unseen ? unseen_guest_cores : comes ? workspace.vm_mean[v][Resource::cpu] : 0;
    }
    return workspace.host_load[h].cpu + cores / pool.hosts[h].cpu_cores;
}

}  // namespace

bool survives_largest(const Pool& pool, Workspace& workspace, const Arrival& arrival) noexcept {
    const auto room = workspace.memory_planned_mib.first(pool.hosts.size());
    const auto held_mib = [&](HostIndex h) {
        const std::uint64_t now = workspace.memory_used_mib[h] + (h == arrival.to ? arrival.memory_mib : 0);
        return now - (h == arrival.from ? std::min(now, arrival.memory_mib) : 0);
    };
    HostIndex largest = no_index;
    for (HostIndex h = 0; h < pool.hosts.size(); ++h) {
        const std::uint64_t may_mib = memory_for_guests_mib(pool.hosts[h]);
        const bool up = pool.hosts[h].state == HostState::up;
        room[h] = up && may_mib > held_mib(h) ? may_mib - held_mib(h) : 0;
        if (up && (largest == no_index || held_mib(h) > held_mib(largest))) {
            largest = h;
        }
    }
    if (largest == no_index) {
        return true;
    }
    room[largest] = 0;
    std::uint64_t others_mib = held_mib(largest);
    std::size_t count = 0;
    for (VmIndex v = 0; v < pool.vms.size(); ++v) {
        const Vm& vm = pool.vms[v];
        if (vm.host == largest && holds_memory(vm) && !(v == arrival.vm && largest == arrival.from)) {
            workspace.guest_order[count++] = v;
            others_mib -= std::min(others_mib, vm.memory_mib);
        }
    }
    const auto refugees = workspace.guest_order.first(count);
    std::sort(refugees.begin(), refugees.end(),
              [&](VmIndex a, VmIndex b) { return pool.vms[a].memory_mib > pool.vms[b].memory_mib; });
    const auto restart = [&](std::uint64_t memory_mib) {
        const auto roomiest = std::max_element(room.begin(), room.end());
        const bool fits = *roomiest >= memory_mib;
        *roomiest -= fits ? memory_mib : 0;
        return fits;
    };
    const std::uint64_t piece_mib = arrival.memory_mib > 0 ? arrival.memory_mib : others_mib;
    while (others_mib > 0 && restart(std::min(others_mib, piece_mib))) {
        others_mib -= std::min(others_mib, piece_mib);
    }
    return others_mib == 0 && std::all_of(refugees.begin(), refugees.end(),
                                          [&](VmIndex v) { return restart(pool.vms[v].memory_mib); });
}

bool spare_host_to_keep(const Pool& pool, const Parameters& parameters, Workspace& workspace) noexcept {
    return parameters.keep_spare_host != 0 && survives_largest(pool, workspace, {});
}

std::optional<Overload> overload_with(const Pool& pool, const Amounts& guest, const Parameters& parameters,
                                      const Workspace& workspace, HostIndex h) noexcept {
    const Amounts load = utilisation(workspace.host_load[h]);
    const Amounts all = capacity(pool.hosts[h]);
    Amounts more = guest;
    for (VmIndex v = 0; v < pool.vms.size(); ++v) {
        for (std::size_t i = 0; i < resource_count && pool.vms[v].moving_to == h; ++i) {
            more.values[i] += workspace.vm_mean[v].values[i];
        }
    }
    std::optional<Overload> worst;
    for (const Resource resource : all_resources) {
        const double have = load[resource] + share(more[resource], all[resource]);
        const double limit = planner_threshold(parameters, resource);
        const bool over = have > limit + load_tolerance;
        if (over && (!worst || have - limit > worst->have - worst->limit)) {
            worst = Overload{resource, have, limit};
        }
    }
    return worst;
}

HostIndex place(const Pool& pool, const PlacementRequest& request, const Parameters& parameters,
                Workspace& workspace, BoundedList<Rejection>& rejected) noexcept {
    measure(pool, parameters.window, workspace);
    const bool spare = spare_host_to_keep(pool, parameters, workspace);
    const Amounts use = use_of(request, workspace);
    HostIndex best = no_index;
    double least = 0;
    // Of the best so far; what is told apart first, first.
    bool best_spares = false;
    bool best_stays_cool = false;
    for (HostIndex h = 0; h < pool.hosts.size(); ++h) {
        if (h == request.from) {
            continue;
        }
        if (const auto why_not = obstacle(pool, request, parameters, workspace, h)) {
            rejected.push(*why_not);
            continue;
        }
        const double load = score(pool, request, workspace, h);
        const bool spares =
            spare && survives_largest(pool, workspace, {h, request.memory_mib, request.from, request.vm});
        const bool stays_cool = !overload_with(pool, use, parameters, workspace, h);
        const auto better = [&] {
            if (spares != best_spares) {
                return spares;
            }
            if (stays_cool != best_stays_cool) {
                return stays_cool;
            }
            return load < least || (load == least && pool.hosts[h].name < pool.hosts[best].name);
        };
        if (best == no_index || better()) {
            best = h;
            least = load;
            best_spares = spares;
            best_stays_cool = stays_cool;
        }
    }
    return best;
}

}  // namespace ballast::policy
