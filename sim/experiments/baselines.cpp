#include "sim/experiments/baselines.hpp"

#include <algorithm>
#include <cmath>

namespace ballast::experiments {

using policy::HostIndex;
using policy::no_index;
using policy::Pool;
using policy::VmIndex;

namespace {

double last_of(policy::Series series) noexcept {
    return series.empty() ? 0 : series.back();
}

// The least loaded host other than `source` that has the memory; none: no_index.
HostIndex idlest_with_room(const Pool& pool, std::span<const double> load,
                           std::span<const std::uint64_t> memory_mib, HostIndex source,
                           std::uint64_t need_mib) noexcept {
    HostIndex best = no_index;
    for (HostIndex h = 0; h < pool.hosts.size(); ++h) {
        const bool fits = memory_mib[h] + need_mib <= pool.hosts[h].memory_mib;
        if (h != source && fits && (best == no_index || load[h] < load[best])) {
            best = h;
        }
    }
    return best;
}

policy::Move move_of(const Pool& pool, VmIndex vm, HostIndex from, HostIndex to, double cores) noexcept {
    policy::Move move;
    move.vm = vm;
    move.from = from;
    move.to = to;
    move.memory_mib = pool.vms[vm].memory_mib;
    move.vm_cpu_cores = cores;
    return move;
}

}  // namespace

ThresholdBaseline::ThresholdBaseline(double threshold, Arena& arena, std::size_t hosts_max,
                                     std::size_t vms_max) noexcept
    : threshold_{threshold},
      load_{arena.make_array<double>(hosts_max)},
      memory_mib_{arena.make_array<std::uint64_t>(hosts_max)},
      host_order_{arena.make_array<HostIndex>(hosts_max)},
      vm_order_{arena.make_array<VmIndex>(vms_max)},
      moves_{arena.make_array<policy::Move>(vms_max)} {}

void ThresholdBaseline::relieve(const Pool& pool, HostIndex source) noexcept {
    std::size_t guests = 0;
    for (VmIndex v = 0; v < pool.vms.size(); ++v) {
        if (pool.vms[v].host == source) {
            vm_order_[guests++] = v;
        }
    }
    const std::span<VmIndex> order = vm_order_.first(guests);
    std::sort(order.begin(), order.end(), [&](VmIndex a, VmIndex b) {
        const double cores_a = last_of(pool.vms[a].cpu_cores);
        const double cores_b = last_of(pool.vms[b].cpu_cores);
        return cores_a != cores_b ? cores_a > cores_b : a < b;
    });
    for (const VmIndex v : order) {
        if (load_[source] <= threshold_) {
            return;
        }
        const policy::Vm& guest = pool.vms[v];
        const double cores = last_of(guest.cpu_cores);
        const HostIndex to = idlest_with_room(pool, load_, memory_mib_, source, guest.memory_mib);
        if (to == no_index || load_[to] + cores / pool.hosts[to].cpu_cores > threshold_) {
            continue;
        }
        moves_.push(move_of(pool, v, source, to, cores));
        load_[source] -= cores / pool.hosts[source].cpu_cores;
        load_[to] += cores / pool.hosts[to].cpu_cores;
        memory_mib_[source] -= guest.memory_mib;
        memory_mib_[to] += guest.memory_mib;
    }
}

std::span<const policy::Move> ThresholdBaseline::decide(const Pool& pool) noexcept {
    moves_.clear();
    const std::span<HostIndex> order = host_order_.first(pool.hosts.size());
    for (HostIndex h = 0; h < pool.hosts.size(); ++h) {
        load_[h] = 0;
        memory_mib_[h] = 0;
        order[h] = h;
    }
    for (const policy::Vm& guest : pool.vms) {
        load_[guest.host] += last_of(guest.cpu_cores) / pool.hosts[guest.host].cpu_cores;
        memory_mib_[guest.host] += guest.memory_mib;
    }
    std::sort(order.begin(), order.end(),
              [&](HostIndex a, HostIndex b) { return load_[a] != load_[b] ? load_[a] > load_[b] : a < b; });
    // The order is that before any move: a host that this slot fills is not emptied in the same slot.
    std::size_t hot = 0;
    while (hot < order.size() && load_[order[hot]] > threshold_) {
        ++hot;
    }
    for (const HostIndex source : order.first(hot)) {
        relieve(pool, source);
    }
    return moves_.items();
}

GreedyBaseline::GreedyBaseline(double threshold, std::size_t moves_per_slot, double weight, Arena& arena,
                               std::size_t hosts_max, std::size_t vms_max) noexcept
    : threshold_{threshold},
      moves_per_slot_{moves_per_slot},
      weight_{weight},
      mean_cores_{arena.make_array<double>(vms_max)},
      load_{arena.make_array<double>(hosts_max)},
      memory_mib_{arena.make_array<std::uint64_t>(hosts_max)},
      host_of_{arena.make_array<HostIndex>(vms_max)},
      moves_{arena.make_array<policy::Move>(moves_per_slot)} {}

void GreedyBaseline::smooth(const Pool& pool) noexcept {
    for (std::size_t v = 0; v < pool.vms.size(); ++v) {
        const double now = last_of(pool.vms[v].cpu_cores);
        mean_cores_[v] = warm_ ? mean_cores_[v] + weight_ * (now - mean_cores_[v]) : now;
    }
    warm_ = true;
}

bool GreedyBaseline::unbalanced(std::size_t hosts) const noexcept {
    double sum = 0;
    double squares = 0;
    for (std::size_t h = 0; h < hosts; ++h) {
        sum += load_[h];
        squares += load_[h] * load_[h];
    }
    const double mean = sum / static_cast<double>(hosts);
    const double variance = squares / static_cast<double>(hosts) - mean * mean;
    return variance > threshold_ * threshold_;
}

// Moving c of utilisation from s to d lowers the sum of squares by 2 c (s - d - c).
bool GreedyBaseline::improve(const Pool& pool) noexcept {
    double best = 0;
    VmIndex vm = no_index;
    HostIndex target = no_index;
    for (VmIndex v = 0; v < pool.vms.size(); ++v) {
        const HostIndex from = host_of_[v];
        const HostIndex to = idlest_with_room(pool, load_, memory_mib_, from, pool.vms[v].memory_mib);
        const double share = mean_cores_[v] / pool.hosts[from].cpu_cores;
        const double gain = to == no_index ? 0 : 2 * share * (load_[from] - load_[to] - share);
        if (gain > best) {
            best = gain;
            vm = v;
            target = to;
        }
    }
    if (vm == no_index) {
        return false;
    }
    const HostIndex from = host_of_[vm];
    const double share = mean_cores_[vm] / pool.hosts[from].cpu_cores;
    moves_.push(move_of(pool, vm, from, target, mean_cores_[vm]));
    load_[from] -= share;
    load_[target] += share;
    memory_mib_[from] -= pool.vms[vm].memory_mib;
    memory_mib_[target] += pool.vms[vm].memory_mib;
    host_of_[vm] = target;
    return true;
}

std::span<const policy::Move> GreedyBaseline::decide(const Pool& pool) noexcept {
    moves_.clear();
    smooth(pool);
    std::fill(load_.begin(), load_.end(), 0.0);
    std::fill(memory_mib_.begin(), memory_mib_.end(), std::uint64_t{0});
    for (std::size_t v = 0; v < pool.vms.size(); ++v) {
        host_of_[v] = pool.vms[v].host;
        load_[host_of_[v]] += mean_cores_[v] / pool.hosts[host_of_[v]].cpu_cores;
        memory_mib_[host_of_[v]] += pool.vms[v].memory_mib;
    }
    while (!moves_.full() && unbalanced(pool.hosts.size()) && improve(pool)) {
    }
    return moves_.items();
}

}  // namespace ballast::experiments
