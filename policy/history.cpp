#include "policy/history.hpp"

#include <algorithm>

#include "policy/means.hpp"

namespace ballast::policy {

HostHistory::HostHistory(const Pool& pool, std::uint32_t instants, Workspace& workspace) noexcept
    : workspace_{workspace}, instants_{instants} {
    for (HostIndex h = 0; h < pool.hosts.size(); ++h) {
        const Host& host = pool.hosts[h];
        std::ranges::fill(row(h), Amounts{});
        workspace_.host_instants[h] = 0;
        add(h, Resource::cpu, host.dom0_cpu_cores, host.cpu_cores > 0 ? host.cpu_cores : no_ceiling,
            host.cpu_cores);
    }
    for (const Vm& vm : pool.vms) {
        if (vm.host == no_index) {
            continue;
        }
        const Amounts all = capacity(pool.hosts[vm.host]);
        for (const Resource resource : all_resources) {
            if (resource != Resource::memory || holds_memory(vm)) {
                add(vm.host, resource, series(vm, resource), ceiling(pool, vm, resource), all[resource]);
            }
        }
        if (vm.memory_used_mib.empty() && holds_memory(vm)) {
            const double part = share(static_cast<double>(vm.memory_mib), all[Resource::memory]);
            for (Amounts& instant : row(vm.host)) {
                instant[Resource::memory] += part;
            }
        }
    }
}

std::span<Amounts> HostHistory::row(HostIndex h) const noexcept {
    return workspace_.host_history.subspan(std::size_t{h} * limits::window_samples_max, instants_);
}

void HostHistory::add(HostIndex h, Resource resource, Series series, double ceiling,
                      double capacity) noexcept {
    const std::size_t count = std::min<std::size_t>(series.size(), instants_);
    std::uint32_t& longest = workspace_.host_instants[h];
    longest = std::max(longest, static_cast<std::uint32_t>(count));
    std::size_t at = instants_ - count;
    const std::span<Amounts> instants = row(h);
    for_each_of_last(series, count, ceiling,
                     [&](double sample) { instants[at++][resource] += share(sample, capacity); });
}

std::span<const Amounts> HostHistory::of(HostIndex h) const noexcept {
    return row(h).last(workspace_.host_instants[h]);
}

double predict_next(std::span<const double> history) noexcept {
    if (history.empty()) {
        return 0;
    }
    double mean = 0;
    for (const double value : history) {
        mean += value;
    }
    mean /= static_cast<double>(history.size());
    double products = 0;
    double squares = 0;
    for (std::size_t i = 0; i < history.size(); ++i) {
        const double off = history[i] - mean;
        squares += off * off;
        products += i > 0 ? off * (history[i - 1] - mean) : 0;
    }
    const double correlation = squares > 0 ? std::clamp(products / squares, -1.0, 1.0) : 0;
    return mean + correlation * (history.back() - mean);
}

}  // namespace ballast::policy
