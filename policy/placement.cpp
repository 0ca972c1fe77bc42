#include "policy/placement.hpp"

#include "policy/means.hpp"

namespace ballast::policy {
namespace {

// Nothing when the host can take the guest.
std::optional<Rejection> obstacle(const Pool& pool, const PlacementRequest& request,
                                  const Parameters& parameters, const Workspace& workspace,
                                  HostIndex h) noexcept {
    const Host& host = pool.hosts[h];
    if (host.state != HostState::up) {
        return Rejection{request.vm, h, Constraint::host_state, 0, 1};
    }
    if (!request.capable.empty() && !request.capable[h]) {
        return Rejection{request.vm, h, Constraint::capability, 0, 1};
    }
    if (request.from != no_index && host.migrations_in >= parameters.in_flight_max) {
        return Rejection{request.vm, h, Constraint::destination_in_flight, double(host.migrations_in) + 1,
                         double(parameters.in_flight_max)};
    }
    const std::uint64_t would_use_mib = workspace.memory_used_mib[h] + request.memory_mib;
    const std::uint64_t may_use_mib = memory_for_guests_mib(host);
    if (would_use_mib > may_use_mib) {
        return Rejection{request.vm, h, Constraint::destination_memory, static_cast<double>(would_use_mib),
                         static_cast<double>(may_use_mib)};
    }
    return std::nullopt;
}

}  // namespace

HostIndex place(const Pool& pool, const PlacementRequest& request, const Parameters& parameters,
                Workspace& workspace, BoundedList<Rejection>& rejected) noexcept {
    measure(pool, parameters.window, workspace);
    HostIndex best = no_index;
    for (HostIndex h = 0; h < pool.hosts.size(); ++h) {
        if (h == request.from) {
            continue;
        }
        if (const auto why_not = obstacle(pool, request, parameters, workspace, h)) {
            rejected.push(*why_not);
            continue;
        }
        const double cpu = workspace.host_load[h].cpu;
        if (best == no_index || cpu < workspace.host_load[best].cpu ||
            (cpu == workspace.host_load[best].cpu && pool.hosts[h].name < pool.hosts[best].name)) {
            best = h;
        }
    }
    return best;
}

}  // namespace ballast::policy
