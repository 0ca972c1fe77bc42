#include "sim/scenario_desktops.hpp"

#include <algorithm>
#include <array>

namespace ballast::simulator {
namespace {

using controller::CommandKind;

struct Weighted {
    IncidentKind kind;
    std::uint32_t weight;
};
constexpr std::array faults{
    Weighted{IncidentKind::agent_dies, 10},
    Weighted{IncidentKind::agent_dies_in_steps, 14},
    Weighted{IncidentKind::host_dies, 4},
    Weighted{IncidentKind::controller_dies, 6},
    Weighted{IncidentKind::controller_dies_in_steps, 10},
    Weighted{IncidentKind::controller_host_dies, 3},
    Weighted{IncidentKind::workers_die, 8},
    Weighted{IncidentKind::cut, 8},
    Weighted{IncidentKind::half_open, 6},
    Weighted{IncidentKind::isolated, 4},
    Weighted{IncidentKind::slow_network, 4},
    Weighted{IncidentKind::journal_fails, 4},
    Weighted{IncidentKind::journal_fails_late, 4},
    Weighted{IncidentKind::journal_slow, 4},
    Weighted{IncidentKind::saves_full, 3},
    Weighted{IncidentKind::store_fails, 3},
    Weighted{IncidentKind::store_fails_late, 3},
    Weighted{IncidentKind::store_slow, 3},
    Weighted{IncidentKind::host_clock_jumps, 3},
    Weighted{IncidentKind::controller_clock_jumps, 3},
    Weighted{IncidentKind::hypervisor_silent, 4},
    Weighted{IncidentKind::guest_deaf, 4},
    Weighted{IncidentKind::guest_crashes, 2},
    Weighted{IncidentKind::guest_powers_off, 2},
};

struct WeightedCommand {
    CommandKind kind;
    std::uint32_t weight;
};
constexpr std::array commands{
    WeightedCommand{CommandKind::vm_migrate, 30}, WeightedCommand{CommandKind::vm_save, 10},
    WeightedCommand{CommandKind::vm_restore, 12}, WeightedCommand{CommandKind::vm_pause, 5},
    WeightedCommand{CommandKind::vm_unpause, 6},  WeightedCommand{CommandKind::vm_create, 8},
    WeightedCommand{CommandKind::vm_start, 4},    WeightedCommand{CommandKind::vm_shutdown, 4},
    WeightedCommand{CommandKind::vm_destroy, 3},  WeightedCommand{CommandKind::vm_set_movable, 2},
    WeightedCommand{CommandKind::host_drain, 4},  WeightedCommand{CommandKind::host_uncordon, 4},
    WeightedCommand{CommandKind::host_cordon, 2}, WeightedCommand{CommandKind::rebalance, 4},
    WeightedCommand{CommandKind::job_cancel, 4},
};

template <class Entry, std::size_t n>
const Entry& pick(const std::array<Entry, n>& entries, Prng& random) noexcept {
    std::uint32_t sum = 0;
    for (const Entry& entry : entries) {
        sum += entry.weight;
    }
    auto left = static_cast<std::uint32_t>(random.below(sum));
    for (const Entry& entry : entries) {
        if (left < entry.weight) {
            return entry;
        }
        left -= entry.weight;
    }
    return entries.front();
}

PoolShape make_pool(Prng& random) {
    PoolShape pool;
    pool.hosts = static_cast<std::uint32_t>(between(random, 2, 5));
    pool.guests = pool.hosts * static_cast<std::uint32_t>(between(random, 1, 3));
    pool.host_memory_mib = static_cast<std::uint64_t>(between(random, 3, 8)) * 1024;
    pool.link_mbps = random.chance(0.3) ? 200 : 1000;
    pool.operation_speed = static_cast<std::uint32_t>(between(random, 1, 8));
    pool.can_live = random.chance(0.8);
    pool.balance = random.chance(0.3);
    pool.latency_max_ns = random.chance(0.3) ? 40 * ms : 2 * ms;
    pool.suspend_late_ms = random.chance(0.4) ? static_cast<std::uint32_t>(between(random, 50, 15'000)) : 0;
    return pool;
}

Incident make_fault(Prng& random, const Scenario& scenario, std::int64_t span_ns) {
    Incident incident;
    incident.at_ns = between(random, 6 * second, span_ns);
    incident.kind = pick(faults, random).kind;
    incident.host = static_cast<std::uint32_t>(random.below(scenario.pool.hosts));
    // Half of the cuts are between a host and the controller.
    const auto next = static_cast<std::uint32_t>(1 + random.below(scenario.pool.hosts - 1));
    incident.other = random.chance(0.5) ? controller_node : (incident.host + next) % scenario.pool.hosts;
    incident.guest = static_cast<std::uint32_t>(random.below(scenario.pool.guests));
    // Short ones pass unnoticed by timeouts, long ones do not.
    incident.lasts_ns =
        random.chance(0.5) ? between(random, 50 * ms, 3 * second) : between(random, 3 * second, 40 * second);
    const bool in_steps = incident.kind == IncidentKind::agent_dies_in_steps ||
                          incident.kind == IncidentKind::controller_dies_in_steps;
    const bool clock = incident.kind == IncidentKind::host_clock_jumps ||
                       incident.kind == IncidentKind::controller_clock_jumps;
    incident.amount = in_steps ? between(random, 1, 60)
                      : clock  ? between(random, -600'000, 600'000)
                               : between(random, 20, 1500);
    return incident;
}

Incident make_request(Prng& random, Scenario& scenario, std::int64_t span_ns) {
    Incident incident;
    incident.at_ns = between(random, 5 * second, span_ns);
    incident.kind = IncidentKind::request;
    incident.command = pick(commands, random).kind;
    incident.host = static_cast<std::uint32_t>(random.below(scenario.pool.hosts));
    incident.guest = static_cast<std::uint32_t>(random.below(scenario.pool.guests));
    incident.amount = static_cast<std::int64_t>(random.below(1 << 20));
    incident.repeated = random.chance(0.15);
    if (incident.command == CommandKind::vm_create) {
        incident.guest = scenario.pool.guests + scenario.pool.guests_to_come++;
    }
    return incident;
}

}  // namespace

Scenario make_scenario(std::uint64_t seed) {
    Prng random = dice(seed, 0, 0, 0);
    Scenario scenario;
    scenario.seed = seed;
    scenario.pool = make_pool(random);
    scenario.faults_end_ns = between(random, 30, 90) * second;
    const std::int64_t span_ns = scenario.faults_end_ns - 2 * second;
    const std::int64_t requests = between(random, 6, 30);
    for (std::int64_t i = 0; i < requests; ++i) {
        scenario.incidents.push_back(make_request(random, scenario, span_ns));
    }
    const std::int64_t count = between(random, 0, 14);
    for (std::int64_t i = 0; i < count; ++i) {
        scenario.incidents.push_back(make_fault(random, scenario, span_ns));
    }
    furnish(scenario, span_ns);
    std::stable_sort(scenario.incidents.begin(), scenario.incidents.end(),
                     [](const Incident& a, const Incident& b) { return a.at_ns < b.at_ns; });
    return scenario;
}

}  // namespace ballast::simulator
