#include "policy/forecast.hpp"

#include "policy/means.hpp"
#include "policy/series.hpp"

namespace ballast::policy {
void forecast(const Pool& pool, const Correlations& correlations, std::uint32_t recent,
              Workspace& workspace) noexcept {
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
            by[resource] =
                samples.empty() ? 0 : kept[resource] * (mean_of_last(samples, recent, most[resource]) - mean);
            mean += by[resource];
        }
        if (vm.host != no_index) {
            add(workspace.host_load[vm.host], share_of_host(without_memory, by, pool.hosts[vm.host]));
        }
    }
}

}  // namespace ballast::policy
