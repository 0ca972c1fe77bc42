#include "policy/placement.hpp"

#include <algorithm>

#include "policy/means.hpp"

namespace ballast::policy {
namespace {

// A guest that has shown no load yet will use something: without it, all that are started together would go
// to the one host that is idlest now.
constexpr double unseen_guest_cores = 0.5;

// Guests of the wanted one's group that are on the host, or on their way there.
std::uint32_t of_its_group(const Pool& pool, VmIndex wanted, HostIndex h) noexcept {
    std::uint32_t count = 0;
    if (wanted == no_index || pool.vms[wanted].anti_affinity.empty()) {
        return count;
    }
    for (VmIndex v = 0; v < pool.vms.size(); ++v) {
        const Vm& other = pool.vms[v];
        count += v != wanted && (other.host == h || other.moving_to == h) &&
                         other.anti_affinity == pool.vms[wanted].anti_affinity
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
    if (const std::uint32_t others = of_its_group(pool, request.vm, h); others > 0) {
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

// The host's CPU with the guest, and with what has been sent there and shows no load yet.
double score(const Pool& pool, const PlacementRequest& request, const Workspace& workspace,
             HostIndex h) noexcept {
    double cores = request.vm == no_index ? 0 : workspace.vm_mean[request.vm][Resource::cpu];
    for (VmIndex v = 0; v < pool.vms.size(); ++v) {
        const Vm& vm = pool.vms[v];
        const bool unseen =
            v != request.vm && vm.host == h && vm.state != VmState::saved && vm.cpu_cores.empty();
        cores += unseen ? unseen_guest_cores : 0;
    }
    return workspace.host_load[h].cpu + cores / pool.hosts[h].cpu_cores;
}

// Whether the guests of the host that holds most would fit on the others, one by one from the largest on,
// each where most room is left; with `more_mib` placed on `taker`.
bool survives_largest(const Pool& pool, Workspace& workspace, HostIndex taker,
                      std::uint64_t more_mib) noexcept {
    const auto room = workspace.memory_planned_mib.first(pool.hosts.size());
    HostIndex largest = no_index;
    const auto held_mib = [&](HostIndex h) {
        return workspace.memory_used_mib[h] + (h == taker ? more_mib : 0);
    };
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
    std::size_t count = 0;
    for (VmIndex v = 0; v < pool.vms.size(); ++v) {
        if (pool.vms[v].host == largest && holds_memory(pool.vms[v])) {
            workspace.guest_order[count++] = v;
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
    return (largest != taker || restart(more_mib)) &&
           std::all_of(refugees.begin(), refugees.end(),
                       [&](VmIndex v) { return restart(pool.vms[v].memory_mib); });
}

}  // namespace

HostIndex place(const Pool& pool, const PlacementRequest& request, const Parameters& parameters,
                Workspace& workspace, BoundedList<Rejection>& rejected) noexcept {
    measure(pool, parameters.window, workspace);
    const bool spare = parameters.keep_spare_host != 0 && survives_largest(pool, workspace, no_index, 0);
    HostIndex best = no_index;
    double least = 0;
    bool best_spares = false;
    for (HostIndex h = 0; h < pool.hosts.size(); ++h) {
        if (h == request.from) {
            continue;
        }
        if (const auto why_not = obstacle(pool, request, parameters, workspace, h)) {
            rejected.push(*why_not);
            continue;
        }
        const double load = score(pool, request, workspace, h);
        const bool spares = spare && survives_largest(pool, workspace, h, request.memory_mib);
        const auto less = [&] {
            return load < least || (load == least && pool.hosts[h].name < pool.hosts[best].name);
        };
        if (best == no_index || (spares && !best_spares) || (spares == best_spares && less())) {
            best = h;
            least = load;
            best_spares = spares;
        }
    }
    return best;
}

}  // namespace ballast::policy
