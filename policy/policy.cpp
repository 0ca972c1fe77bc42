#include "policy/policy.hpp"

#include <array>

#include "policy/judge.hpp"
#include "policy/means.hpp"
#include "policy/planner/planner.hpp"
#include "policy/sandpiper.hpp"
#include "policy/scoa.hpp"

#include "policy/vds.hpp"

namespace ballast::policy {
namespace {

void decide_nothing(const Policy&, const Pool&, const Parameters&, Workspace&, Plan&) noexcept {}

using enum DestinationRule;
constexpr double half = 0.5;
constexpr double two_fifths = 0.4;
constexpr double tenth = 0.1;

constexpr Policy vds(std::string_view name, std::string_view summary, GuestRule guests,
                     DestinationRule destinations, double guest_rate, double host_rate) noexcept {
    return {name, summary, Family::vds, decide_vds, guests, destinations, guest_rate, host_rate};
}

constexpr Policy weighing(std::string_view name, std::string_view summary, Family family,
                          decltype(Policy::decide) decide) noexcept {
    return {name, summary, family, decide};
}

constexpr std::array known_policies{
    Policy{"none", "moves nothing; shows the load", Family::none, decide_nothing},
    vds("vds-1a", "the busiest guest to the least loaded host", GuestRule::busiest, least_loaded, 0, 0),
    vds("vds-2a", "the lower half of the guests to the least loaded host", GuestRule::lower_half,
        least_loaded, half, 0),
    vds("vds-2b", "the lower half of the guests, spread over the lower half of the hosts",
        GuestRule::lower_half, spread, half, half),
    vds("vds-3a", "the upper 40 % of the guests without the busiest, to the least loaded host",
        GuestRule::upper_without_first, least_loaded, two_fifths, 0),
    vds("vds-3b", "the upper 40 % of the guests without the busiest, spread over the lower half of the hosts",
        GuestRule::upper_without_first, spread, two_fifths, half),
    vds("vds-4a", "the upper 10 % of the guests to the least loaded host", GuestRule::uppermost, least_loaded,
        tenth, 0),
    vds("vds-4c", "the upper 10 % of the guests, spread over the lower 10 % of the hosts",
        GuestRule::uppermost, spread, tenth, tenth),
    weighing("sandpiper", "relieves hosts that stay hot, of the guests with most load for their size",
             Family::sandpiper, decide_sandpiper),
    weighing("scoa", "moves and swaps between hosts that are far apart in the space of utilisations",
             Family::scoa, decide_scoa),
    Policy{"ballast", "least cost over all hosts and resources for the fewest, cheapest moves",
           Family::ballast, planner::decide_ballast},
};

bool consistent(const Pool& pool) noexcept {
    const auto known = [&](HostIndex h) { return h == no_index || h < pool.hosts.size(); };
    for (const Vm& vm : pool.vms) {
        if (!known(vm.host) || !known(vm.moving_to) || vm.memory_mib > memory_mib_max) {
            return false;
        }
    }
    for (const Host& host : pool.hosts) {
        const bool cores = host.cpu_cores > 0 && host.cpu_cores <= sample_max;
        if ((host.state == HostState::up && !cores) || host.memory_mib > memory_mib_max) {
            return false;
        }
    }
    return true;
}

}  // namespace

Workspace make_workspace(Arena& arena, std::size_t hosts_max, std::size_t vms_max) noexcept {
    Workspace workspace;
    workspace.vm_mean = arena.make_array<Amounts>(vms_max);
    workspace.vm_peak = arena.make_array<Amounts>(vms_max);
    workspace.vm_persistence = arena.make_array<PerResource<float>>(vms_max);
    workspace.host_load = arena.make_array<HostLoad>(hosts_max);
    workspace.memory_used_mib = arena.make_array<std::uint64_t>(hosts_max);
    workspace.host_cpu_planned = arena.make_array<double>(hosts_max);
    workspace.memory_planned_mib = arena.make_array<std::uint64_t>(hosts_max);
    workspace.host_samples = arena.make_array<PerResource<std::uint32_t>>(hosts_max);
    workspace.host_planned = arena.make_array<Amounts>(hosts_max);
    workspace.guest_order = arena.make_array<VmIndex>(vms_max);
    workspace.destination_order = arena.make_array<HostIndex>(hosts_max);
    workspace.host_first = arena.make_array<std::uint32_t>(hosts_max + 1);
    workspace.vm_by_host = arena.make_array<VmIndex>(vms_max);
    workspace.vm_marks = arena.make_array<std::uint8_t>(vms_max);
    workspace.vm_rank = arena.make_array<double>(vms_max);
    workspace.host_rank = arena.make_array<double>(hosts_max);
    workspace.host_marks = arena.make_array<std::uint32_t>(hosts_max);
    workspace.host_picks = arena.make_array<PerResource<std::array<VmIndex, 2>>>(hosts_max);
    workspace.host_history = arena.make_array<Amounts>(hosts_max * limits::window_samples_max);
    workspace.host_instants = arena.make_array<std::uint32_t>(hosts_max);
    if (const auto memory = arena.make_array<planner::Planner>(1); !memory.empty()) {
        workspace.planner = &memory.front();
        *workspace.planner = planner::Planner{arena, hosts_max, vms_max};
    } else {
        planner::Planner{arena, hosts_max, vms_max};  // only counts
    }
    return workspace;
}

std::span<const Policy> policies() noexcept {
    return known_policies;
}

const Policy* find_policy(std::string_view name) noexcept {
    for (const Policy& policy : known_policies) {
        if (policy.name == name) {
            return &policy;
        }
    }
    return nullptr;
}

Status plan(const Policy& policy, const Pool& pool, const Parameters& parameters, Workspace& workspace,
            Plan& out) noexcept {
    out.clear();
    if (pool.hosts.size() > workspace.host_load.size() || pool.hosts.size() > out.before.hosts.size() ||
        pool.vms.size() > workspace.vm_mean.size()) {
        return Err{Fault::limit_reached};
    }
    if (check(parameters) || !consistent(pool)) {
        return Err{Fault::invalid_argument};
    }
    if (policy.family != Family::ballast) {
        measure(pool, parameters.window, workspace);  // the planner chooses its windows itself
    }
    policy.decide(policy, pool, parameters, workspace, out);
    out.data = workspace.data;
    summarize(pool, workspace, out.moves.items(), out.before, out.after);
    judge(policy, pool, parameters, out);
    return {};
}

}  // namespace ballast::policy
