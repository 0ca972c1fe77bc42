#include "policy/means.hpp"

#include <algorithm>
#include <cmath>

namespace ballast::policy {
namespace {

using Counts = PerResource<std::uint32_t>;

std::optional<DataFault> fault_of(double sample, double ceiling) noexcept {
    if (std::isnan(sample)) {
        return DataFault::not_a_number;
    }
    if (sample < 0) {
        return DataFault::negative;
    }
    if (sample > sample_max) {
        return DataFault::infinite;
    }
    return sample > ceiling ? std::optional{DataFault::above_capacity} : std::nullopt;
}

// Sum and peak of the last samples of one series, and how many there are. Reports what is wrong with them.
struct Summary {
    double sum = 0;
    double peak = 0;
    std::uint32_t count = 0;
};
Summary summary_of(Series series, std::uint32_t window, double ceiling, const DataFinding& where,
                   DataReport& report, Correlation* correlation) noexcept {
    Summary out;
    out.count = static_cast<std::uint32_t>(std::min<std::size_t>(series.size(), window));
    if (out.count == 0) {
        return out;
    }
    const auto clean = clean_sum(series.last(out.count), ceiling);
    if (correlation != nullptr) {
        correlation->add(series.last(out.count), ceiling, clean);
    }
    if (clean) {
        out.sum = clean->sum;
        out.peak = clean->peak;
        return out;
    }
    for_each_of_last(series, out.count, ceiling, [&](double sample) {
        out.sum += sample;
        out.peak = std::max(out.peak, sample);
    });
    for (const double sample : series.last(out.count)) {
        if (const auto fault = fault_of(sample, ceiling)) {
            report.add({*fault, where.resource, where.vm, where.host, sample});
        }
    }
    return out;
}

void report_absence(Series series, const DataFinding& where, DataReport& report) noexcept {
    if (series.empty()) {
        DataFinding finding = where;
        finding.fault = series.missing() ? DataFault::missing_series : DataFault::zero_length;
        report.add(finding);
    }
}

// A guest's means and peaks. Until `finish_host`, a host's load holds sums of samples; `memory` the memory of
// guests without a series of their memory in use.
void measure_vm(const Pool& pool, VmIndex v, std::uint32_t window, Workspace& workspace,
                Correlations* correlations) noexcept {
    const Vm& vm = pool.vms[v];
    Amounts sums;
    const Amounts most = ceilings(pool, vm);
    for (const Resource resource : all_resources) {
        const Series samples = series(vm, resource);
        const DataFinding where{DataFault::missing_series, resource, v, vm.host, 0};
        Correlation own;
        const Summary summary = summary_of(samples, window, most[resource], where, workspace.data,
                                           correlations == nullptr ? nullptr : &own);
        if (correlations != nullptr) {
            (*correlations)[resource].add(own);
            workspace.vm_persistence[v][resource] = static_cast<float>(own.persistence());
        }
        sums[resource] = summary.sum;
        workspace.vm_mean[v][resource] = summary.count == 0 ? 0 : summary.sum / summary.count;
        workspace.vm_peak[v][resource] = summary.peak;
        if (vm.host != no_index) {
            std::uint32_t& longest = workspace.host_samples[vm.host][resource];
            longest = std::max(longest, summary.count);
            if (resource != Resource::memory && vm.state == VmState::running) {
                report_absence(samples, where, workspace.data);
            }
        }
    }
    const auto memory_mib = static_cast<double>(vm.memory_mib);
    if (vm.memory_used_mib.empty()) {
        workspace.vm_mean[v][Resource::memory] = workspace.vm_peak[v][Resource::memory] = memory_mib;
    }
    if (vm.moving_to != no_index) {
        workspace.memory_used_mib[vm.moving_to] += vm.memory_mib;
    }
    if (vm.host == no_index) {
        return;
    }
    HostLoad& load = workspace.host_load[vm.host];
    load.cpu += sums[Resource::cpu];
    load.net += sums[Resource::net];
    load.disk += sums[Resource::disk];
    if (holds_memory(vm)) {
        load.memory_used += sums[Resource::memory];
        load.memory += vm.memory_used_mib.empty() ? memory_mib : 0;
        workspace.memory_used_mib[vm.host] += vm.memory_mib;
    }
}

void report_host(const Host& host, HostIndex h, const HostLoad& amounts, DataReport& report) noexcept {
    if (host.state == HostState::suspect) {
        report.add({DataFault::stale, Resource::cpu, no_index, h, 0});
    }
    if (host.state != HostState::up) {
        return;
    }
    if (!(host.net_mbps > 0) && amounts.net > 0) {
        report.add({DataFault::capacity_unknown, Resource::net, no_index, h, 0});
    }
    if (!(host.disk_mbps > 0) && amounts.disk > 0) {
        report.add({DataFault::capacity_unknown, Resource::disk, no_index, h, 0});
    }
}

// Adds dom0, and turns sums into utilisations.
void finish_host(const Host& host, HostIndex h, std::uint32_t window, Workspace& workspace) noexcept {
    const double most = host.cpu_cores > 0 ? host.cpu_cores : no_ceiling;
    const DataFinding where{DataFault::missing_series, Resource::cpu, no_index, h, 0};
    const Summary dom0 = summary_of(host.dom0_cpu_cores, window, most, where, workspace.data, nullptr);
    Counts& instants = workspace.host_samples[h];
    instants[Resource::cpu] = std::max(instants[Resource::cpu], dom0.count);
    // Whenever a host was sampled at all, a resource that nobody used then counts as not used.
    for (std::uint32_t& each : instants.values) {
        each = std::max(each, instants[Resource::cpu]);
    }
    const auto mean = [&](double sum, Resource resource) { return sum / std::max(instants[resource], 1U); };
    HostLoad& load = workspace.host_load[h];
    report_host(host, h, load, workspace.data);
    const auto memory_mib = static_cast<double>(host.memory_mib);
    load.cpu = share(mean(load.cpu + dom0.sum, Resource::cpu), host.cpu_cores);
    load.net = share(mean(load.net, Resource::net), host.net_mbps);
    load.disk = share(mean(load.disk, Resource::disk), host.disk_mbps);
    load.memory_used = share(mean(load.memory_used, Resource::memory) + load.memory, memory_mib);
    load.memory = share(static_cast<double>(workspace.memory_used_mib[h]), memory_mib);
}

void measure_all(const Pool& pool, std::uint32_t window, Workspace& workspace,
                 Correlations* correlations) noexcept {
    workspace.data = DataReport{};
    for (HostIndex h = 0; h < pool.hosts.size(); ++h) {
        workspace.host_load[h] = HostLoad{};
        workspace.host_samples[h] = Counts{};
        workspace.memory_used_mib[h] = 0;
    }
    for (VmIndex v = 0; v < pool.vms.size(); ++v) {
        measure_vm(pool, v, window, workspace, correlations);
    }
    for (HostIndex h = 0; h < pool.hosts.size(); ++h) {
        finish_host(pool.hosts[h], h, window, workspace);
    }
}

}  // namespace

Amounts ceilings(const Pool& pool, const Vm& vm) noexcept {
    Amounts most = vm.host != no_index ? capacity(pool.hosts[vm.host]) : Amounts{};
    most[Resource::memory] = static_cast<double>(vm.memory_mib);
    for (double& each : most.values) {
        each = each > 0 ? each : no_ceiling;
    }
    return most;
}

double ceiling(const Pool& pool, const Vm& vm, Resource resource) noexcept {
    return ceilings(pool, vm)[resource];
}

void measure(const Pool& pool, std::uint32_t window, Workspace& workspace) noexcept {
    measure_all(pool, window, workspace, nullptr);
}

void measure(const Pool& pool, std::uint32_t window, Workspace& workspace,
             Correlations& correlations) noexcept {
    measure_all(pool, window, workspace, &correlations);
}

HostLoad share_of_host(const Vm& vm, const Amounts& mean, const Host& host) noexcept {
    const auto memory_mib = static_cast<double>(host.memory_mib);
    HostLoad part;
    part.cpu = share(mean[Resource::cpu], host.cpu_cores);
    part.net = share(mean[Resource::net], host.net_mbps);
    part.disk = share(mean[Resource::disk], host.disk_mbps);
    part.memory = share(static_cast<double>(vm.memory_mib), memory_mib);
    part.memory_used = share(mean[Resource::memory], memory_mib);
    return part;
}

void add(HostLoad& load, const HostLoad& part) noexcept {
    load.cpu += part.cpu;
    load.net += part.net;
    load.disk += part.disk;
    load.memory += part.memory;
    load.memory_used += part.memory_used;
}

void subtract(HostLoad& load, const HostLoad& part) noexcept {
    load.cpu -= part.cpu;
    load.net -= part.net;
    load.disk -= part.disk;
    load.memory -= part.memory;
    load.memory_used -= part.memory_used;
}

void carry(const Pool& pool, const Workspace& workspace, const Move& move,
           std::span<HostLoad> load) noexcept {
    for (const Leg& leg : legs(move)) {
        const Vm& vm = pool.vms[leg.vm];
        const Amounts& mean = workspace.vm_mean[leg.vm];
        subtract(load[leg.from], share_of_host(vm, mean, pool.hosts[leg.from]));
        add(load[leg.to], share_of_host(vm, mean, pool.hosts[leg.to]));
    }
}

void spread(std::span<const Host> hosts, PoolLoad& load) noexcept {
    constexpr std::array<double HostLoad::*, 5> fields{&HostLoad::cpu, &HostLoad::memory, &HostLoad::net,
                                                       &HostLoad::disk, &HostLoad::memory_used};
    constexpr std::array<double PoolLoad::*, 5> results{&PoolLoad::cpu_stddev, &PoolLoad::memory_stddev,
                                                        &PoolLoad::net_stddev, &PoolLoad::disk_stddev,
                                                        &PoolLoad::memory_used_stddev};
    for (std::size_t i = 0; i < fields.size(); ++i) {
        double count = 0;
        double sum = 0;
        double squares = 0;
        for (std::size_t h = 0; h < hosts.size(); ++h) {
            if (hosts[h].state == HostState::up) {
                count += 1;
                sum += load.hosts[h].*fields[i];
            }
        }
        const double mean = count > 0 ? sum / count : 0;
        for (std::size_t h = 0; h < hosts.size(); ++h) {
            if (hosts[h].state == HostState::up) {
                const double off = load.hosts[h].*fields[i] - mean;
                squares += off * off;
            }
        }
        load.*results[i] = count > 0 ? std::sqrt(squares / count) : 0;
    }
}

void summarize(const Pool& pool, const Workspace& workspace, std::span<Move> moves, PoolLoad& before,
               PoolLoad& after) noexcept {
    for (std::size_t h = 0; h < pool.hosts.size(); ++h) {
        before.hosts[h] = after.hosts[h] = workspace.host_load[h];
    }
    for (Move& move : moves) {
        move.from_before = after.hosts[move.from];
        move.to_before = after.hosts[move.to];
        carry(pool, workspace, move, after.hosts);
        move.from_after = after.hosts[move.from];
        move.to_after = after.hosts[move.to];
    }
    spread(pool.hosts, before);
    spread(pool.hosts, after);
}

}  // namespace ballast::policy
