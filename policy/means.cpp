#include "policy/means.hpp"

#include <algorithm>
#include <cmath>

namespace ballast::policy {
namespace {

double share(double used, double capacity) noexcept {
    return capacity > 0 ? used / capacity : 0;
}

// How many instants the host's means are over: the longest series on it, up to the window.
void add_length(Series series, std::uint32_t window, std::uint32_t& instants) noexcept {
    instants = std::max(instants, static_cast<std::uint32_t>(std::min<std::size_t>(series.size(), window)));
}

void spread(std::span<const Host> hosts, PoolLoad& load) noexcept {
    double count = 0;
    HostLoad mean;
    for (std::size_t h = 0; h < hosts.size(); ++h) {
        if (hosts[h].state == HostState::up) {
            count += 1;
            mean.cpu += load.hosts[h].cpu;
            mean.memory += load.hosts[h].memory;
            mean.net += load.hosts[h].net;
        }
    }
    load.cpu_stddev = load.memory_stddev = load.net_stddev = 0;
    if (count == 0) {
        return;
    }
    mean = {mean.cpu / count, mean.memory / count, mean.net / count};
    HostLoad squares;
    for (std::size_t h = 0; h < hosts.size(); ++h) {
        if (hosts[h].state == HostState::up) {
            const HostLoad& at = load.hosts[h];
            squares.cpu += (at.cpu - mean.cpu) * (at.cpu - mean.cpu);
            squares.memory += (at.memory - mean.memory) * (at.memory - mean.memory);
            squares.net += (at.net - mean.net) * (at.net - mean.net);
        }
    }
    load.cpu_stddev = std::sqrt(squares.cpu / count);
    load.memory_stddev = std::sqrt(squares.memory / count);
    load.net_stddev = std::sqrt(squares.net / count);
}

// Moves one guest's share of a host's load from one host to the other.
void carry(const Pool& pool, std::uint32_t window, const Workspace& workspace, VmIndex vm, HostIndex from,
           HostIndex to, std::span<HostLoad> load) noexcept {
    const Vm& guest = pool.vms[vm];
    const Host& source = pool.hosts[from];
    const Host& destination = pool.hosts[to];
    const double cores = workspace.vm_cpu_cores[vm];
    const double net = mean_of_last(guest.net_mbps, window);
    const auto memory = static_cast<double>(guest.memory_mib);
    load[from].cpu -= share(cores, source.cpu_cores);
    load[to].cpu += share(cores, destination.cpu_cores);
    load[from].net -= share(net, source.net_mbps);
    load[to].net += share(net, destination.net_mbps);
    load[from].memory -= share(memory, static_cast<double>(source.memory_mib));
    load[to].memory += share(memory, static_cast<double>(destination.memory_mib));
}

}  // namespace

double sum_of_last(Series series, std::size_t instants) noexcept {
    double sum = 0;
    for (const double value : series.last(std::min(series.size(), instants))) {
        sum += value;
    }
    return sum;
}

double mean_of_last(Series series, std::uint32_t window) noexcept {
    const std::size_t count = std::min<std::size_t>(series.size(), window);
    return count == 0 ? 0 : sum_of_last(series, count) / static_cast<double>(count);
}

void measure(const Pool& pool, std::uint32_t window, Workspace& workspace) noexcept {
    for (std::size_t h = 0; h < pool.hosts.size(); ++h) {
        workspace.host_load[h] = HostLoad{};
        workspace.host_samples[h] = 0;
        workspace.memory_used_mib[h] = 0;
        add_length(pool.hosts[h].dom0_cpu_cores, window, workspace.host_samples[h]);
    }
    for (const Vm& vm : pool.vms) {
        if (vm.host != no_index) {
            add_length(vm.cpu_cores, window, workspace.host_samples[vm.host]);
            add_length(vm.net_mbps, window, workspace.host_samples[vm.host]);
        }
    }
    for (std::size_t v = 0; v < pool.vms.size(); ++v) {
        const Vm& vm = pool.vms[v];
        workspace.vm_cpu_cores[v] = mean_of_last(vm.cpu_cores, window);
        if (vm.host != no_index) {
            const std::size_t instants = workspace.host_samples[vm.host];
            workspace.host_load[vm.host].cpu += sum_of_last(vm.cpu_cores, instants);
            workspace.host_load[vm.host].net += sum_of_last(vm.net_mbps, instants);
            workspace.memory_used_mib[vm.host] += holds_memory(vm) ? vm.memory_mib : 0;
        }
        if (vm.moving_to != no_index) {
            workspace.memory_used_mib[vm.moving_to] += vm.memory_mib;
        }
    }
    for (std::size_t h = 0; h < pool.hosts.size(); ++h) {
        const Host& host = pool.hosts[h];
        const auto instants = static_cast<double>(std::max(workspace.host_samples[h], 1U));
        HostLoad& load = workspace.host_load[h];
        load.cpu += sum_of_last(host.dom0_cpu_cores, workspace.host_samples[h]);
        load.cpu = share(load.cpu / instants, host.cpu_cores);
        load.net = share(load.net / instants, host.net_mbps);
        load.memory =
            share(static_cast<double>(workspace.memory_used_mib[h]), static_cast<double>(host.memory_mib));
    }
}

void summarize(const Pool& pool, std::uint32_t window, const Workspace& workspace,
               std::span<const Move> moves, PoolLoad& before, PoolLoad& after) noexcept {
    for (std::size_t h = 0; h < pool.hosts.size(); ++h) {
        before.hosts[h] = after.hosts[h] = workspace.host_load[h];
    }
    for (const Move& move : moves) {
        carry(pool, window, workspace, move.vm, move.from, move.to, after.hosts);
        if (move.kind == MoveKind::swap) {
            carry(pool, window, workspace, move.with, move.to, move.from, after.hosts);
        }
    }
    spread(pool.hosts, before);
    spread(pool.hosts, after);
}

}  // namespace ballast::policy
