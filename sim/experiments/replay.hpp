// Replays a trace on equal hosts under one decider, with migrations that take time. Guests start round robin
// by their order; what is decided on slot t is carried out from slot t+1 on. Deterministic: the trace, the
// settings and the decider determine every figure but the decision times.
#pragma once

#include <cstdint>
#include <span>

#include "base/arena.hpp"
#include "base/vocabulary.hpp"
#include "policy/bounded_list.hpp"
#include "sim/experiments/decider.hpp"
#include "sim/experiments/migration_model.hpp"
#include "sim/experiments/score.hpp"
#include "sim/experiments/trace.hpp"

namespace ballast::experiments {

struct ReplaySettings {
    std::size_t hosts = 16;
    MigrationModel migration;
    // Monotonic nanoseconds, to time decisions; none: decision times are 0.
    std::uint64_t (*now_ns)() = nullptr;
};

class Replay {
  public:
    // All the memory that runs up to these sizes need.
    Replay(Arena& arena, std::size_t hosts_max, std::size_t vms_max, std::size_t slots_max) noexcept;
    // REQUIRES: 1 <= settings.hosts <= hosts_max, the trace is not larger than the sizes given, every series
    // of cpu_cores has trace.slots values. `stddev_by_slot` (trace.slots long, or empty) gets the standard
    // deviation of CPU over hosts at each slot's end.
    Score run(const Trace& trace, const ReplaySettings& settings, Decider& decider,
              std::span<double> stddev_by_slot) noexcept;

  private:
    struct Order {
        policy::VmIndex vm = policy::no_index;
        policy::HostIndex from = policy::no_index;
        policy::HostIndex to = policy::no_index;
        bool done = false;
    };
    struct Transfer {
        policy::VmIndex vm = policy::no_index;
        policy::HostIndex from = policy::no_index;
        policy::HostIndex to = policy::no_index;
        double seconds_left = 0;
        MigrationCost cost;
    };
    struct Past {
        std::uint32_t moves = 0;
        policy::HostIndex left = policy::no_index;  // the host of its last departure
        double moved_at = 0;                        // seconds since the start of the trace
    };

    void place(const Trace& trace, const ReplaySettings& settings) noexcept;
    void load_slot(std::size_t slot) noexcept;
    void run_slot(std::size_t slot) noexcept;
    void take_orders(std::span<const policy::Move> moves) noexcept;
    bool start_one() noexcept;
    void start_all() noexcept;
    bool may_start(const Order& order) const noexcept;
    void begin(const Order& order) noexcept;
    void complete(const Transfer& transfer) noexcept;
    void advance(double seconds) noexcept;
    void take_samples(std::size_t slot) noexcept;
    void show_pool(std::size_t slot) noexcept;
    void ask(Decider& decider, std::size_t slot) noexcept;

    // Storage for the largest run.
    std::span<policy::Host> host_rows_;
    std::span<policy::Vm> vm_rows_;
    std::span<FixedString<15>> host_names_;
    std::span<double> load_rows_;
    std::span<std::uint64_t> memory_rows_;
    std::span<double> demand_rows_;
    std::span<Past> past_;
    std::span<std::uint64_t> decision_ns_;
    std::span<float> sample_rows_;
    policy::BoundedList<Order> orders_;
    policy::BoundedList<Transfer> transfers_;

    // The run under way.
    const Trace* trace_ = nullptr;
    ReplaySettings settings_;
    std::span<policy::Host> hosts_;
    std::span<policy::Vm> vms_;
    std::span<double> load_;               // cores wanted, by host, migrations' share included
    std::span<std::uint64_t> memory_mib_;  // by host, guests on their way counted on both
    std::span<double> demand_;             // cores wanted, by guest, in this slot
    // Samples of every guest and resource, a row each: floats side by side, as the controller keeps them, and
    // not spread over the whole trace. A row reaches past the present slot; what is shown of it does not.
    std::size_t rows_begin_ = 0;  // the slot of the first sample in every row
    std::size_t rows_end_ = 0;    // the slot after the last
    double now_seconds_ = 0;
    LoadMeter meter_;
    Score score_;
};

}  // namespace ballast::experiments
