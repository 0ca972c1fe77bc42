// What time does to a simulated host: loads change, CPU is shared, counters grow, guests power off.
#include <algorithm>
#include <array>

#include "xen_glue/sim/cpu_share.hpp"
#include "xen_glue/sim/sim_host.hpp"
#include "xen_glue/sim/transitions.hpp"

namespace ballast::sim {
namespace {

constexpr std::uint64_t pages_per_mib = 256;
constexpr std::uint64_t bytes_per_s_of_mbps = 125'000;

// Dom0's own work: toolstack and back-ends, and the copying of guests in transfer. The figures are in the
// order of what idle and migrating dom0s show; they are there so that dom0 is never free of charge.
constexpr std::uint64_t dom0_base_ucores = 20'000;
constexpr std::uint64_t dom0_per_guest_ucores = 10'000;
constexpr std::uint64_t dom0_per_transfer_ucores = 600'000;
constexpr std::uint32_t dom0_weight = 512;  // twice a guest's, as operators are advised to set it

bool in_transfer(const Guest& guest) noexcept {
    return guest.activity == Activity::sending || guest.activity == Activity::receiving;
}

std::uint64_t full_ucores(const Guest& guest) noexcept {
    return guest.vcpus * core_ucores;
}

std::uint64_t demand_ucores(const Guest& guest) noexcept {
    if (!executing(guest)) {
        return 0;
    }
    const std::uint64_t wanted = full_ucores(guest) * guest.workload.load.load_permille / load_full_permille;
    const std::uint64_t cap = guest.cpu_cap_percent == 0 ? wanted : guest.cpu_cap_percent * core_ucores / 100;
    return std::min(wanted, cap);
}

void share(SimHost& state) noexcept {
    std::array<CpuClaim, limits::domains_per_host_max> claims;
    CpuClaim& dom0 = claims[0];
    dom0 = {dom0_base_ucores, dom0_weight, 0};
    std::size_t count = 1;
    for (const Guest& guest : state.guests) {
        dom0.demand_ucores += executing(guest) ? dom0_per_guest_ucores : 0;
        dom0.demand_ucores += in_transfer(guest) ? dom0_per_transfer_ucores : 0;
        claims[count++] = {demand_ucores(guest), guest.cpu_weight, 0};
    }
    const std::uint64_t capacity_ucores = state.config.cpus * core_ucores;
    dom0.demand_ucores = std::min(dom0.demand_ucores, capacity_ucores);
    share_cpu({claims.data(), count}, capacity_ucores);
    state.dom0_granted_ucores = dom0.granted_ucores;
    for (std::size_t i = 0; i < state.guests.size(); ++i) {
        state.guests[i].granted_ucores = claims[i + 1].granted_ucores;
    }
    state.grants_stale = false;
}

// A guest that runs is never quite still: its kernel has timers.
constexpr std::uint64_t idle_ucores = 100;

// Everything that a guest does besides computing goes with the CPU that it gets.
std::uint64_t in_proportion(const Guest& guest, std::uint64_t at_full_load) noexcept {
    return at_full_load * guest.granted_ucores / full_ucores(guest);
}

void run_guest(SimHost& state, Guest& guest, std::uint64_t elapsed_ns) noexcept {
    const Workload& work = guest.workload;
    guest.executed_ns += static_cast<std::int64_t>(elapsed_ns);
    guest.cpu_time_ns.add(std::max(guest.granted_ucores, idle_ucores), elapsed_ns, core_ucores);
    const std::uint64_t net = in_proportion(guest, work.net_mbps * bytes_per_s_of_mbps);
    const std::uint64_t disk = in_proportion(guest, work.disk_mbps * bytes_per_s_of_mbps);
    const std::uint64_t writes = in_proportion(guest, work.dirty_mib_per_s * pages_per_mib);
    guest.net_rx_bytes.add(net, elapsed_ns, ns_per_s);
    guest.net_tx_bytes.add(net, elapsed_ns, ns_per_s);
    guest.disk_read_bytes.add(disk, elapsed_ns, ns_per_s);
    guest.disk_write_bytes.add(disk, elapsed_ns, ns_per_s);
    // Transfers are `operation_speed` times faster than life: so must be the writing that races them.
    guest.page_writes.add(writes * state.config.operation_speed, elapsed_ns, ns_per_s);
    state.nic_rx_bytes.add(net, elapsed_ns, ns_per_s);
    state.nic_tx_bytes.add(net, elapsed_ns, ns_per_s);
}

// REQUIRES: nothing changes between now and then.
void run_until(SimHost& state, std::int64_t then_ns) noexcept {
    if (state.grants_stale) {
        share(state);
    }
    const auto elapsed_ns = static_cast<std::uint64_t>(then_ns - state.now_ns);
    state.now_ns = then_ns;
    state.dom0_cpu_time_ns.add(state.dom0_granted_ucores, elapsed_ns, core_ucores);
    for (Guest& guest : state.guests) {
        if (executing(guest)) {
            run_guest(state, guest, elapsed_ns);
        }
    }
}

bool listens(const Guest& guest) noexcept {
    return executing(guest) && !guest.workload.unresponsive;
}

void heed_suspend_request(SimHost& state, Guest& guest) noexcept {
    if (listens(guest) && guest.takes_suspend_at_ns > 0 && state.now_ns >= guest.takes_suspend_at_ns) {
        guest.takes_suspend_at_ns = 0;
        guest.suspends_at_ns = state.now_ns + std::int64_t{state.config.suspend_late_ms} * ns_per_ms;
    }
    if (executing(guest) && guest.suspends_at_ns > 0 && state.now_ns >= guest.suspends_at_ns) {
        guest.suspends_at_ns = 0;
        change(state, guest, [](Guest& g) { g.shutdown = ShutdownReason::suspend; });
    }
}

void do_due_changes(SimHost& state) noexcept {
    for (Guest& guest : state.guests) {
        if (executing(guest) && guest.poweroff_at_executed_ns > 0 &&
            guest.executed_ns >= guest.poweroff_at_executed_ns) {
            power_off(state, guest);
        }
        heed_suspend_request(state, guest);
    }
}

void step_loads(SimHost& state) noexcept {
    for (Guest& guest : state.guests) {
        if (executing(guest)) {
            step_load(guest.workload.load, state.config.load_step_ms);
        }
    }
    const std::int64_t step_ns =
        std::int64_t{state.config.load_step_ms} * 1'000'000 / state.config.load_speed;
    state.load_step_at_ns += step_ns;
    state.grants_stale = true;
}

}  // namespace

void start(SimHost& state, const HostConfig& config, std::int64_t now_ns) noexcept {
    state = SimHost{};
    state.config = config;
    state.now_ns = now_ns;
    state.load_step_at_ns = now_ns;
}

std::int64_t next_change_ns(const SimHost& state) noexcept {
    std::int64_t next_ns = never_ns;
    for (const Guest& guest : state.guests) {
        if (executing(guest) && guest.poweroff_at_executed_ns > 0) {
            const std::int64_t left_ns = guest.poweroff_at_executed_ns - guest.executed_ns;
            next_ns = std::min(next_ns, state.now_ns + std::max<std::int64_t>(left_ns, 0));
        }
        if (executing(guest) && guest.suspends_at_ns > 0) {
            next_ns = std::min(next_ns, std::max(guest.suspends_at_ns, state.now_ns));
        } else if (listens(guest) && guest.takes_suspend_at_ns > 0) {
            next_ns = std::min(next_ns, std::max(guest.takes_suspend_at_ns, state.now_ns));
        }
    }
    return next_ns;
}

std::int64_t next_signal_ns(const SimHost& state) noexcept {
    std::int64_t next_ns = never_ns;
    for (const Guest& guest : state.guests) {
        if (executing(guest) && !signals_up(guest)) {
            next_ns = std::min(next_ns, state.now_ns + guest.signals_at_executed_ns - guest.executed_ns);
        }
    }
    return next_ns;
}

void advance(SimHost& state, std::int64_t now_ns) noexcept {
    while (state.now_ns < now_ns) {
        run_until(state, std::min({now_ns, next_change_ns(state), state.load_step_at_ns}));
        do_due_changes(state);
        if (state.now_ns == state.load_step_at_ns) {
            step_loads(state);
        }
    }
}

}  // namespace ballast::sim
