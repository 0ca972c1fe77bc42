#include "sim/experiments/scoa_simulation.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

#include "base/compose.hpp"

namespace ballast::experiments {

using policy::Amounts;
using policy::HostIndex;
using policy::Resource;
using policy::VmIndex;

namespace {

// Any capacities do: all that counts is shares of them.
constexpr double host_cores = 10;
constexpr double host_net_mbps = 1000;
constexpr double host_memory_mib = 100'000;
constexpr double seconds_per_hour = 3600;

constexpr Resource paper_resources[] = {Resource::cpu, Resource::net, Resource::memory};

}  // namespace

ScoaSimulation::ScoaSimulation(Arena& arena) noexcept
    : loads_{arena.make_array<Amounts>(scoa_guests * scoa_hours)},
      cpu_cores_{arena.make_array<double>(scoa_guests * scoa_hours)},
      net_mbps_{arena.make_array<double>(scoa_guests * scoa_hours)},
      memory_mib_{arena.make_array<double>(scoa_guests * scoa_hours)},
      hosts_{arena.make_array<policy::Host>(scoa_hosts)},
      vms_{arena.make_array<policy::Vm>(scoa_guests)},
      host_load_{arena.make_array<Amounts>(scoa_hosts)},
      names_{arena.make_array<FixedString<7>>(scoa_hosts + scoa_guests)} {}

void ScoaSimulation::begin(const ScoaSettings& settings) noexcept {
    settings_ = settings;
    result_ = ScoaResult{};
    scoa_loads(settings.seed, loads_);
    for (HostIndex h = 0; h < scoa_hosts; ++h) {
        names_[h] = compose<7>("host", h);
        hosts_[h] = policy::Host{};
        hosts_[h].name = names_[h].view();
        hosts_[h].state = HostState::up;
        hosts_[h].cpu_cores = host_cores;
        hosts_[h].net_mbps = host_net_mbps;
        hosts_[h].memory_mib = static_cast<std::uint64_t>(host_memory_mib);
    }
    for (VmIndex v = 0; v < scoa_guests; ++v) {
        double peak_mib = 0;
        for (std::size_t at = v * scoa_hours; at < (v + 1) * scoa_hours; ++at) {
            cpu_cores_[at] = loads_[at][Resource::cpu] * host_cores;
            net_mbps_[at] = loads_[at][Resource::net] * host_net_mbps;
            memory_mib_[at] = loads_[at][Resource::memory] * host_memory_mib;
            peak_mib = std::max(peak_mib, memory_mib_[at]);
        }
        names_[scoa_hosts + v] = compose<7>(v < 10 ? "vm0" : "vm", v);
        vms_[v] = policy::Vm{};
        vms_[v].name = names_[scoa_hosts + v].view();
        vms_[v].host =
            static_cast<HostIndex>(settings.by_blocks ? v / (scoa_guests / scoa_hosts) : v % scoa_hosts);
        vms_[v].state = VmState::running;
        vms_[v].movable = true;
        vms_[v].memory_mib = static_cast<std::uint64_t>(std::ceil(peak_mib));
        vms_[v].vcpus = 1;
    }
}

void ScoaSimulation::show_hour(std::size_t hour) noexcept {
    const std::size_t samples = std::min(hour + 1, limits::window_samples_max);
    for (VmIndex v = 0; v < scoa_guests; ++v) {
        const std::size_t first = v * scoa_hours + hour + 1 - samples;
        policy::Vm& vm = vms_[v];
        vm.cpu_cores = cpu_cores_.subspan(first, samples);
        vm.net_mbps = net_mbps_.subspan(first, samples);
        vm.memory_used_mib = memory_mib_.subspan(first, samples);
        if (vm.last_moved_seconds_ago) {
            *vm.last_moved_seconds_ago += static_cast<std::int64_t>(seconds_per_hour);
        }
    }
}

bool ScoaSimulation::above(HostIndex h, double limit) const noexcept {
    return std::any_of(std::begin(paper_resources), std::end(paper_resources),
                       [&](Resource resource) { return host_load_[h][resource] > limit; });
}

void ScoaSimulation::act(std::span<const policy::Move> moves) noexcept {
    for (const policy::Move& move : moves) {
        ++(move.kind == policy::MoveKind::swap ? result_.swaps : result_.migrations);
        for (const policy::Leg& leg : policy::legs(move)) {
            ++result_.guests_moved;
            vms_[leg.vm].host = leg.to;
            vms_[leg.vm].came_from = leg.from;
            vms_[leg.vm].last_moved_seconds_ago = 0;
        }
    }
}

double ScoaSimulation::stddev(Resource resource) const noexcept {
    double sum = 0;
    double squares = 0;
    for (const Amounts& load : host_load_) {
        sum += load[resource];
        squares += load[resource] * load[resource];
    }
    const double mean = sum / scoa_hosts;
    return std::sqrt(std::fmax(0, squares / scoa_hosts - mean * mean));
}

// The hour's load on the hosts where the guests are now.
void ScoaSimulation::add_up(std::size_t hour) noexcept {
    std::fill(host_load_.begin(), host_load_.end(), Amounts{});
    for (VmIndex v = 0; v < scoa_guests; ++v) {
        for (const Resource resource : paper_resources) {
            host_load_[vms_[v].host][resource] += loads_[v * scoa_hours + hour][resource];
        }
    }
}

ScoaResult ScoaSimulation::run(const ScoaSettings& settings, PolicyDecider& decider,
                               std::span<double> cpu_stddev_by_hour) noexcept {
    begin(settings);
    for (std::size_t hour = 0; hour < scoa_hours; ++hour) {
        show_hour(hour);
        add_up(hour);
        std::array<bool, scoa_hosts> overloaded{};
        for (HostIndex h = 0; h < scoa_hosts; ++h) {
            overloaded[h] = above(h, settings.threshold);
            result_.overloads += overloaded[h] ? 1 : 0;
        }
        // An hour's load is what the whole hour has, not a sample of it.
        act(decider.decide({hosts_, vms_, std::nullopt, seconds_per_hour, true}));
        add_up(hour);
        for (HostIndex h = 0; h < scoa_hosts; ++h) {
            result_.no_solution += overloaded[h] && above(h, settings.threshold) ? 1 : 0;
            result_.above_limit += above(h, settings.hardware_limit) ? 1 : 0;
        }
        result_.cpu_stddev += stddev(Resource::cpu) / scoa_hours;
        result_.net_stddev += stddev(Resource::net) / scoa_hours;
        result_.memory_stddev += stddev(Resource::memory) / scoa_hours;
        if (!cpu_stddev_by_hour.empty()) {
            cpu_stddev_by_hour[hour] = stddev(Resource::cpu);
        }
    }
    return result_;
}

}  // namespace ballast::experiments
