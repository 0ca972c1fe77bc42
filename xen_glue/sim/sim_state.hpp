// The whole state of a simulated host as plain data: trivially copyable, no pointers, so that it can lie in a
// mapped file, be copied, compared and kept by the thousand. What happens to it: sim_host.hpp.
//
// Time is nanoseconds on a clock that never steps (CLOCK_BOOTTIME in real time, anything in virtual time).
#pragma once

#include <cstdint>

#include "base/fixed_vector.hpp"
#include "base/ring.hpp"
#include "base/uuid.hpp"
#include "base/vocabulary.hpp"
#include "xen_glue/sim/fault_rules.hpp"
#include "xen_glue/sim/load.hpp"
#include "xen_glue/sim/precopy.hpp"

namespace ballast::sim {

inline constexpr std::int64_t ns_per_ms = 1'000'000;
inline constexpr std::int64_t ns_per_s = 1'000'000'000;

struct HostConfig {
    std::uint64_t seed = 1;
    std::uint32_t cpus = 8;
    std::uint64_t memory_kib = 16 * 1024 * 1024;
    std::uint64_t dom0_memory_kib = 1024 * 1024;
    std::uint32_t link_mbps = 1000;
    std::uint32_t disk_mbps = 4000;
    bool can_shadow = true;
    bool can_hap = true;
    std::uint32_t operation_speed = 1;
    std::uint32_t load_speed = 1;
    std::uint32_t load_step_ms = 1000;  // how often loads change; 1..5000
    std::uint32_t image_bytes_per_page = 16;
    std::uint32_t console_port = 0;
    std::uint32_t suspend_late_ms = 0;  // from a guest's taking the request to its suspension; any speed
};

// How a guest tells of itself in its area.
enum class Signals : std::uint8_t {
    normal = 0,
    never = 1,    // as without the guest's program, or hung while booting
    garbage = 2,  // what is not an address, not a nonce, not a word that anybody agreed upon
    huge = 3,     // as much as xenstore takes
};

// What runs inside a guest. Travels with it.
struct Workload {
    LoadGenerator load;
    std::uint32_t net_mbps = 0;         // each way at full load
    std::uint32_t disk_mbps = 0;        // each way at full load
    std::uint32_t dirty_mib_per_s = 0;  // memory written at full load
    Signals signals = Signals::normal;
    bool unresponsive = false;  // acknowledges neither shutdown nor suspend requests
};

// An amount that grows at a rate. Integer arithmetic with the remainder kept: however an interval is split,
// the sum is the same.
struct Meter {
    std::uint64_t total = 0;
    std::uint64_t remainder = 0;

    // Adds rate * elapsed / unit. REQUIRES: the product fits 64 bits.
    constexpr void add(std::uint64_t rate, std::uint64_t elapsed, std::uint64_t unit) noexcept {
        const std::uint64_t sum = rate * elapsed + remainder;
        total += sum / unit;
        remainder = sum % unit;
    }
};

enum class ShutdownReason : std::uint8_t { none = 0, poweroff = 1, reboot = 2, suspend = 3, crash = 4 };

// The LONG operation that a process is carrying out on a guest.
enum class Activity : std::uint8_t {
    none = 0,
    creating = 1,
    receiving = 2,
    sending = 3,
    shutting_down = 4,
    destroying = 5
};

struct Guest {
    // Identity and size
    Uuid uuid;
    std::uint32_t domid = 0;
    Name name;
    GuestType type = GuestType::pv;
    std::uint64_t memory_kib = 0;
    std::uint32_t vcpus = 1;
    std::uint32_t cpu_weight = 256;
    std::uint32_t cpu_cap_percent = 0;
    bool ours = false;  // Domain::ours

    // Toolstack state; independent flags, as in Xen
    std::uint32_t pause_count = 1;
    ShutdownReason shutdown = ShutdownReason::none;
    bool built = false;  // false: under construction, or left half-built
    bool dying = false;
    Activity activity = Activity::none;
    Precopy precopy;         // while sending
    bool over_link = false;  // the transfer: else to or from a disk
    std::uint64_t writes_at_round_start = 0;
    // The request to suspend itself, which stays when whoever made it is gone; 0: none.
    std::int64_t takes_suspend_at_ns = 0;  // made, not taken
    std::int64_t suspends_at_ns = 0;       // taken
    bool withdrawn_late = false;           // nobody has made another since one was found taken

    // Execution. `executed_ns` is the guest's own clock: it advances only while the guest executes, and
    // travels.
    Workload workload;
    std::int64_t executed_ns = 0;
    std::int64_t signals_at_executed_ns = 0;   // when the guest tells that it is up
    Uuid nonce;                                // what it was asked to repeat
    std::int64_t poweroff_at_executed_ns = 0;  // 0: no request pending
    std::uint64_t granted_ucores = 0;

    // Counters since creation on this host
    Meter cpu_time_ns;
    Meter net_rx_bytes;
    Meter net_tx_bytes;
    Meter disk_read_bytes;
    Meter disk_write_bytes;
    Meter page_writes;
};

// One line of the record of who executed when: tests lay the records of two hosts side by side.
struct Execution {
    Uuid uuid;
    std::uint32_t domid = 0;
    bool began = false;  // else: ended
    std::int64_t at_ns = 0;
    std::int64_t executed_ns = 0;
};
inline constexpr std::size_t executions_kept = 512;

struct SimHost {
    HostConfig config;
    std::int64_t now_ns = 0;
    std::int64_t load_step_at_ns = 0;
    std::uint32_t next_domid = 1;
    std::int64_t unavailable_until_ns = 0;
    std::uint64_t change_count = 0;  // grows with every change that a list of domains shows
    bool grants_stale = true;

    FixedVector<Guest, limits::domains_per_host_max - 1> guests;  // dom0 is not a guest
    std::uint64_t dom0_granted_ucores = 0;
    Meter dom0_cpu_time_ns;
    Meter nic_rx_bytes;
    Meter nic_tx_bytes;

    FaultRules fault_rules;
    FixedRing<Execution, executions_kept> executions;
};
static_assert(std::is_trivially_copyable_v<SimHost>);

}  // namespace ballast::sim
