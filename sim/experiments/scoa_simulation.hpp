// The SCOA paper's experiment: six hosts, 36 guests, 72 hours; every hour a policy sees the hour's
// utilisation and acts at once.
#pragma once

#include <cstdint>
#include <span>

#include "base/arena.hpp"
#include "base/fixed_string.hpp"
#include "policy/pool_model.hpp"
#include "sim/experiments/decider.hpp"
#include "sim/experiments/scoa_load.hpp"

namespace ballast::experiments {

struct ScoaSettings {
    double threshold = 0.79;       // of each resource; above it a host is overloaded
    double hardware_limit = 0.90;  // taken as all that a host has
    bool by_blocks = true;         // guests 0-5 start on host 0, 6-11 on host 1, …; else round robin
    std::uint64_t seed = 1;
};

struct ScoaResult {
    std::uint32_t overloads = 0;   // hours x hosts in which a resource was above the threshold, before acting
    std::uint32_t migrations = 0;  // guests that moved alone
    std::uint32_t swaps = 0;       // exchanges of guests
    std::uint32_t guests_moved = 0;
    std::uint32_t no_solution = 0;  // overloads that were still there after acting
    std::uint32_t above_limit = 0;  // hours x hosts above the hardware limit after acting
    // Mean over the hours, after acting, of the standard deviation over hosts.
    double cpu_stddev = 0;
    double net_stddev = 0;
    double memory_stddev = 0;

    double mean_stddev() const noexcept { return (cpu_stddev + net_stddev + memory_stddev) / 3; }
    std::uint32_t actions() const noexcept { return migrations + swaps; }
};

class ScoaSimulation {
  public:
    explicit ScoaSimulation(Arena& arena) noexcept;
    // Equal settings give equal results. `cpu_stddev_by_hour`: scoa_hours long, or empty.
    ScoaResult run(const ScoaSettings& settings, PolicyDecider& decider,
                   std::span<double> cpu_stddev_by_hour) noexcept;

  private:
    void begin(const ScoaSettings& settings) noexcept;
    void show_hour(std::size_t hour) noexcept;
    void act(std::span<const policy::Move> moves) noexcept;
    void add_up(std::size_t hour) noexcept;
    bool above(policy::HostIndex h, double limit) const noexcept;
    double stddev(policy::Resource resource) const noexcept;

    std::span<policy::Amounts> loads_;  // [guest * scoa_hours + hour]
    std::span<double> cpu_cores_;       // the same, in the units and the order of series
    std::span<double> net_mbps_;
    std::span<double> memory_mib_;
    std::span<policy::Host> hosts_;
    std::span<policy::Vm> vms_;
    std::span<policy::Amounts> host_load_;
    std::span<FixedString<7>> names_;
    ScoaSettings settings_;
    ScoaResult result_;
};

}  // namespace ballast::experiments
