// Counters into rates. A counter that restarted (creation, reboot, migration, a re-attached device) gives no
// rate for that interval instead of a wrong one.
#pragma once

#include <cstdint>
#include <optional>

#include "base/fixed_vector.hpp"
#include "base/limits.hpp"
#include "base/uuid.hpp"

namespace ballast::agent {

// Of one domain at one instant. Dom0 has the nil uuid.
struct Counters {
    Uuid uuid;
    std::uint32_t domid = 0;
    std::uint64_t cpu_time_ns = 0;
    std::uint64_t net_rx_bytes = 0;
    std::uint64_t net_tx_bytes = 0;
    std::uint64_t disk_read_bytes = 0;
    std::uint64_t disk_write_bytes = 0;
};

struct DomainRates {
    double cpu_cores = 0;
    double net_mbps = 0;   // sent and received, megabits per second
    double disk_mbps = 0;  // read and written, megabytes per second
};

class Rates {
  public:
    // A sample: begin, then each domain once, then end. An interval shorter than `interval_ms_min` gives no
    // rates, nor does one longer than `interval_ms_max` (the host slept, or samples were skipped for long).
    void begin(std::int64_t taken_mono_ns, std::uint64_t nic_rx_bytes, std::uint64_t nic_tx_bytes) noexcept;
    // Nothing for a domain that is new, or any of whose counters went back. A domain is known by uuid and
    // domid.
    std::optional<DomainRates> domain(const Counters& counters) noexcept;
    void end() noexcept;

    // Between begin and end. Megabits per second over the host's cards; nothing without an interval.
    std::optional<double> nic_mbps() const noexcept { return nic_mbps_; }
    // 0 for the first sample.
    std::uint32_t interval_ms() const noexcept {
        return static_cast<std::uint32_t>(interval_ns_ / 1'000'000);
    }

    static constexpr std::int64_t interval_ms_min = 100;
    static constexpr std::int64_t interval_ms_max = 600'000;

  private:
    using Table = FixedVector<Counters, limits::domains_per_host_max>;
    const Counters* previous(const Counters& now) noexcept;

    Table tables_[2];
    std::size_t current_ = 0;
    std::size_t expected_at_ = 0;  // domains come in the order of the last sample, nearly always
    std::int64_t taken_ns_ = 0;
    std::int64_t interval_ns_ = 0;
    std::uint64_t nic_rx_bytes_ = 0;
    std::uint64_t nic_tx_bytes_ = 0;
    std::optional<double> nic_mbps_;
};

}  // namespace ballast::agent
