#include "policy/shrinkage.hpp"

#include <algorithm>

#include "policy/means.hpp"
#include "policy/series.hpp"

namespace ballast::policy {
namespace {

double vcpus(const Vm& vm) noexcept {
    return std::max(1.0, static_cast<double>(vm.vcpus));
}

// Of the guest's series; 0 where it does not count.
std::size_t samples_of(const Vm& vm, Resource resource, std::uint32_t window) noexcept {
    return vm.host == no_index ? 0 : std::min<std::size_t>(series(vm, resource).size(), window);
}

// All guests' loads of one resource, per vCPU.
class Population {
  public:
    // Of a guest: its mean, and the sum of the squares of its samples' deviations from that.
    void add(double mean, double squares, double samples) noexcept {
        guests_ += 1;
        sum_ += mean;
        squares_ += mean * mean;
        reciprocals_ += 1 / samples;
        squares_within_ += squares;
        freedom_ += samples - 1;
    }
    double mean() const noexcept { return sum_ / guests_; }
    // Variance of single samples about their guest's mean.
    double within() const noexcept { return freedom_ > 0 ? squares_within_ / freedom_ : 0; }
    // Variance of what guests would show in samples without end: the means vary by what samples do as well.
    double between() const noexcept {
        return std::max(0.0, (squares_ - sum_ * mean() - within() * reciprocals_) / guests_);
    }

  private:
    double guests_ = 0;
    double sum_ = 0;
    double squares_ = 0;
    double reciprocals_ = 0;  // of the guests' numbers of samples
    double squares_within_ = 0;
    double freedom_ = 0;
};

PerResource<Population> populations(const Pool& pool, std::uint32_t window,
                                    const Workspace& workspace) noexcept {
    PerResource<Population> all;
    for (VmIndex v = 0; v < pool.vms.size(); ++v) {
        const Vm& vm = pool.vms[v];
        const Amounts most = ceilings(pool, vm);
        const double each = 1 / vcpus(vm);
        for (const Resource resource : all_resources) {
            const std::size_t samples = samples_of(vm, resource, window);
            if (samples > 0) {
                const double mean = workspace.vm_mean[v][resource];
                const double squares =
                    squares_about(series(vm, resource).last(samples), mean, most[resource]);
                all[resource].add(each * mean, each * each * squares, static_cast<double>(samples));
            }
        }
    }
    return all;
}

}  // namespace

void shrink_means(const Pool& pool, std::uint32_t window, Workspace& workspace) noexcept {
    const PerResource<Population> all = populations(pool, window, workspace);
    PerResource<double> mean;
    PerResource<double> within;
    PerResource<double> between;
    for (const Resource resource : all_resources) {
        within[resource] = all[resource].within();
        mean[resource] = within[resource] > 0 ? all[resource].mean() : 0;
        between[resource] = within[resource] > 0 ? all[resource].between() : 0;
    }
    const Vm without_memory;
    for (VmIndex v = 0; v < pool.vms.size(); ++v) {
        const Vm& vm = pool.vms[v];
        Amounts by;
        for (const Resource resource : all_resources) {
            const std::size_t samples = samples_of(vm, resource, window);
            if (samples > 0 && within[resource] > 0) {
                const double noise = within[resource] / static_cast<double>(samples);
                double& own = workspace.vm_mean[v][resource];
                by[resource] = noise / (noise + between[resource]) * (mean[resource] * vcpus(vm) - own);
                own += by[resource];
            }
        }
        if (vm.host != no_index) {
            add(workspace.host_load[vm.host], share_of_host(without_memory, by, pool.hosts[vm.host]));
        }
    }
}

}  // namespace ballast::policy
