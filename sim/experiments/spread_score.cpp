#include "sim/experiments/spread_score.hpp"

#include <cmath>

namespace ballast::experiments {
namespace {

// Of one value a host.
struct Spread {
    double count = 0;
    double sum = 0;
    double squares = 0;

    void add(double value) noexcept {
        count += 1;
        sum += value;
        squares += value * value;
    }
    double stddev() const noexcept {
        const double mean = count > 0 ? sum / count : 0;
        return count > 0 ? std::sqrt(std::fmax(0, squares / count - mean * mean)) : 0;
    }
};

// vCPUs on the host once the plan is done.
double vcpus_on(const policy::Pool& pool, const policy::Plan& plan, policy::HostIndex h) noexcept {
    double vcpus = 0;
    for (const policy::Vm& vm : pool.vms) {
        vcpus += vm.host == h ? vm.vcpus : 0;
    }
    for (const policy::Move& move : plan.moves.items()) {
        for (const policy::Leg& leg : policy::legs(move)) {
            vcpus += leg.to == h ? pool.vms[leg.vm].vcpus : 0;
            vcpus -= leg.from == h ? pool.vms[leg.vm].vcpus : 0;
        }
    }
    return vcpus;
}

}  // namespace

double spread_score(const policy::Pool& pool, const policy::Plan& plan) noexcept {
    Spread vcpu_ratio;
    for (policy::HostIndex h = 0; h < pool.hosts.size(); ++h) {
        if (pool.hosts[h].state == HostState::up) {
            vcpu_ratio.add(vcpus_on(pool, plan, h) / pool.hosts[h].cpu_cores);
        }
    }
    const policy::PoolLoad& load = plan.after;
    return load.memory_stddev + vcpu_ratio.stddev() + load.cpu_stddev + load.memory_used_stddev +
           load.disk_stddev + load.net_stddev;
}

}  // namespace ballast::experiments
