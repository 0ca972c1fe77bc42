#include "policy/forecast.hpp"

#include <algorithm>

#include "policy/means.hpp"
#include "policy/series.hpp"

namespace ballast::policy {
namespace {

// A guest's own persistence is worth as much as that of all together when it comes of so many samples: some
// loads last for hours beside others that are noise, but a single series tells only roughly which it is.
constexpr double own_samples = 60;

double blend(double own, double of_all, double samples) noexcept {
    return (samples * own + own_samples * of_all) / (samples + own_samples);
}

}  // namespace

PerResource<double> forecast(const Pool& pool, const Correlations& correlations, std::uint32_t window,
                             std::uint32_t recent, Workspace& workspace) noexcept {
    PerResource<double> kept;
    for (const Resource resource : all_resources) {
        kept[resource] = correlations[resource].persistence();
    }
    const Vm without_memory;
    for (VmIndex v = 0; v < pool.vms.size(); ++v) {
        const Vm& vm = pool.vms[v];
        Amounts by;
        const Amounts most = ceilings(pool, vm);
        for (const Resource resource : all_resources) {
            const Series samples = series(vm, resource);
            double& mean = workspace.vm_mean[v][resource];
            if (samples.empty()) {
                continue;
            }
            const auto count = static_cast<double>(std::min<std::size_t>(samples.size(), window));
            const double keeps = blend(workspace.vm_persistence[v][resource], kept[resource], count);
            by[resource] = keeps * (mean_of_last(samples, recent, most[resource]) - mean);
            mean += by[resource];
        }
        if (vm.host != no_index) {
            add(workspace.host_load[vm.host], share_of_host(without_memory, by, pool.hosts[vm.host]));
        }
    }
    return kept;
}

}  // namespace ballast::policy
