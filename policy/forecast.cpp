#include "policy/forecast.hpp"

#include <algorithm>

#include "policy/means.hpp"
#include "policy/series.hpp"

namespace ballast::policy {
namespace {

// A correlation of fewer samples says nothing.
constexpr std::size_t correlated_samples_min = 3;

struct Correlation {
    double lagged = 0;   // sum of the products of neighbours
    double squares = 0;  // sum of the squares of the earlier of them
};

void add(Correlation& sum, Series samples, std::size_t window, double most) noexcept {
    const std::size_t count = std::min(samples.size(), window);
    if (count < correlated_samples_min) {
        return;
    }
    const auto samples_counted = static_cast<double>(count);
    const double mean = sum_of_last(samples, count, most) / samples_counted;
    double lagged = 0;
    double squares = 0;
    double before = 0;
    for_each_of_last(samples, count, most, [&](double sample) {
        const double off = sample - mean;
        lagged += before * off;
        squares += before * before;
        before = off;
    });
    // Of few samples it comes out too low, by about one over their number, for their own mean is taken off.
    sum.lagged += lagged + squares / samples_counted;
    sum.squares += squares;
}

}  // namespace

PerResource<double> persistence(const Pool& pool, std::uint32_t window) noexcept {
    PerResource<double> out;
    for (const Resource resource : all_resources) {
        Correlation sum;
        for (const Vm& vm : pool.vms) {
            add(sum, series(vm, resource), window, ceiling(pool, vm, resource));
        }
        out[resource] = sum.squares > 0 ? std::clamp(sum.lagged / sum.squares, 0.0, 1.0) : 0;
    }
    return out;
}

void forecast(const Pool& pool, std::uint32_t window, std::uint32_t recent, Workspace& workspace) noexcept {
    const PerResource<double> kept = persistence(pool, window);
    for (VmIndex v = 0; v < pool.vms.size(); ++v) {
        const Vm& vm = pool.vms[v];
        Amounts by;
        for (const Resource resource : all_resources) {
            const Series samples = series(vm, resource);
            double& mean = workspace.vm_mean[v][resource];
            by[resource] =
                samples.empty()
                    ? 0
                    : kept[resource] * (mean_of_last(samples, recent, ceiling(pool, vm, resource)) - mean);
            mean += by[resource];
        }
        if (vm.host != no_index) {
            Vm without_memory;
            without_memory.host = vm.host;
            add(workspace.host_load[vm.host], share_of_host(without_memory, by, pool.hosts[vm.host]));
        }
    }
}

}  // namespace ballast::policy
