// Trivial balancers to beat: what somebody would write in an afternoon. They are part of the experiments
// only.
#pragma once

#include <cstdint>
#include <span>

#include "base/arena.hpp"
#include "sim/experiments/decider.hpp"

namespace ballast::experiments {

// Relieves every host whose last CPU sample is above the threshold, the busiest host first: its guests,
// busiest first, go to the idlest host with room for their memory, unless that would then be above the
// threshold, until the host is no longer above.
class ThresholdBaseline final : public Decider {
  public:
    ThresholdBaseline(double threshold, Arena& arena, std::size_t hosts_max, std::size_t vms_max) noexcept;
    std::span<const policy::Move> decide(const policy::Pool& pool) noexcept override;

  private:
    void relieve(const policy::Pool& pool, policy::HostIndex source) noexcept;

    double threshold_;
    std::span<double> load_;  // utilisation by host
    std::span<std::uint64_t> memory_mib_;
    std::span<policy::HostIndex> host_order_;
    std::span<policy::VmIndex> vm_order_;
    policy::BoundedList<policy::Move> moves_;
};

// While the standard deviation of CPU over hosts is above the threshold: the one move that lowers it most, at
// most so many a slot. Looks at the last sample, or at an exponentially weighted mean of the past.
class GreedyBaseline final : public Decider {
  public:
    // `weight` of the newest sample in the mean, above 0 up to 1 (1: the last sample alone).
    GreedyBaseline(double threshold, std::size_t moves_per_slot, double weight, Arena& arena,
                   std::size_t hosts_max, std::size_t vms_max) noexcept;
    std::span<const policy::Move> decide(const policy::Pool& pool) noexcept override;
    void reset() noexcept override { warm_ = false; }

  private:
    void smooth(const policy::Pool& pool) noexcept;
    bool unbalanced(std::size_t hosts) const noexcept;
    bool improve(const policy::Pool& pool) noexcept;

    double threshold_;
    std::size_t moves_per_slot_;
    double weight_;
    bool warm_ = false;
    std::span<double> mean_cores_;  // by guest
    std::span<double> load_;        // utilisation by host
    std::span<std::uint64_t> memory_mib_;
    std::span<policy::HostIndex> host_of_;  // by guest, with this slot's moves
    policy::BoundedList<policy::Move> moves_;
};

}  // namespace ballast::experiments
