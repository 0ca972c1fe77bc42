// The score table of a replay: balance, overload, what went short, and what it cost to get there. Every
// figure is an integral over time, so that it does not depend on how a slot is cut by migrations that end
// within it.
#pragma once

#include <cstdint>
#include <span>

#include "policy/pool_model.hpp"

namespace ballast::experiments {

// A move back to the host that the guest left less than this ago is a ping-pong.
inline constexpr double ping_pong_seconds = 30 * 60;
// What one migration weighs against a host-minute above 90 %, in the one-number gate.
inline constexpr double gate_per_migration = 0.5;

struct Score {
    double cpu_stddev = 0;       // mean over time of the population standard deviation over hosts
    double cpu_range = 0;        // mean over time of busiest minus idlest
    double host_minutes_80 = 0;  // above 80 % CPU
    double host_minutes_90 = 0;
    double host_minutes_100 = 0;
    double unmet_core_hours =
        0;  // demand that hosts had no cores for, and what migrating guests went short of
    std::uint64_t migrations = 0;  // that have ended; a swap is two
    double gib_moved = 0;          // memory of the guests that moved
    double gib_sent = 0;           // what went over the network, rounds of pre-copy included
    double migration_seconds = 0;  // sum over migrations
    std::uint32_t most_moves_of_one_vm = 0;
    std::uint64_t ping_pongs = 0;
    std::uint64_t skipped = 0;        // planned, but impossible when its turn came
    std::uint64_t rounds = 0;         // decisions asked for
    std::uint64_t rounds_waited = 0;  // slots without a decision because moves were still under way
    std::uint64_t decide_p50_ns = 0;
    std::uint64_t decide_p99_ns = 0;
    std::uint64_t decide_max_ns = 0;

    // J of the gate: host-minutes above 90 % + 0.5 x migrations.
    double gate() const noexcept {
        return host_minutes_90 + gate_per_migration * static_cast<double>(migrations);
    }
};

// Adds one stretch of time in which the hosts' loads are constant.
class LoadMeter {
  public:
    // `load`: cores wanted by host; all hosts have `cpu_cores`.
    void add(std::span<const double> load, double cpu_cores, double seconds) noexcept;
    void add_unmet(double core_seconds) noexcept { unmet_core_seconds_ += core_seconds; }
    // Writes the time-dependent figures.
    void finish(Score& score) const noexcept;
    // Of the last `add`.
    double last_stddev() const noexcept { return last_stddev_; }

  private:
    double seconds_ = 0;
    double stddev_seconds_ = 0;
    double range_seconds_ = 0;
    double above_80_seconds_ = 0;
    double above_90_seconds_ = 0;
    double above_100_seconds_ = 0;
    double unmet_core_seconds_ = 0;
    double last_stddev_ = 0;
};

// Value at `share` (0..1) of the sorted list, by nearest rank; 0 of an empty one. Sorts `values`.
std::uint64_t percentile(std::span<std::uint64_t> values, double share) noexcept;

}  // namespace ballast::experiments
