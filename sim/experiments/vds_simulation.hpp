// The simulation of the VDS paper ("Load Balancing Policy for Xen-based Virtual Desktop Service", section on
// the experiment): guests arrive, raise random loads at random intervals and end; every few seconds the hosts
// are looked at, and a policy may move guests. The names of the paper's parameters stand beside ours. What
// the paper leaves open is a setting; docs/experiments.md says which reading reproduces which finding.
#pragma once

#include <cstdint>
#include <span>

#include "base/arena.hpp"
#include "base/fixed_string.hpp"
#include "base/prng.hpp"
#include "policy/pool_model.hpp"
#include "sim/experiments/decider.hpp"

namespace ballast::experiments {

// Where a new guest is created.
enum class VdsPlacement : std::uint8_t {
    least_loaded,  // the host with the lowest mean CPU among those with memory for it
    random_host,   // any host, as if each user had a server
    round_robin,   // one host after the other
};

// When a creation is denied for lack of CPU. The load of a host is its mean over the window.
enum class VdsAdmission : std::uint8_t {
    room_for_mean,   // load + the mean load of a guest would exceed the host
    room_for_most,   // load + the largest load of a guest would exceed the host
    not_saturated,   // the load itself fills the host
    below_critical,  // the load is at or above the critical load
};

// What "random maximum of a guest's load" means.
enum class VdsLoad : std::uint8_t {
    fresh,       // every load is uniform in 0 .. MAXLOAD - 1
    own_maximum  // a guest draws a maximum of its own in 1 .. MAXLOAD, and its loads below that
};

struct VdsSettings {
    std::uint32_t hosts = 30;                  // HOSTS
    std::uint32_t guests = 400;                // GUESTS: creations that are tried
    std::uint64_t host_memory_mib = 4096;      // HOSTMEM
    std::uint64_t host_memory_free_mib = 256;  // HOST_MIN_MEM
    std::uint64_t guest_memory_mib = 368;      // GUESTMEM
    std::uint32_t round_seconds = 5;           // MIGRATE_TERM: a sample and a round of the policy
    std::uint32_t window = 7;                  // WINDOW_SIZE, samples
    std::uint32_t load_percent_max = 50;       // MAXLOAD
    std::uint32_t load_seconds_min = 3;        // MINLOADTERM
    std::uint32_t load_seconds_range = 3;      // LOADTERM: the interval is the minimum + 0 .. this - 1
    std::uint32_t creation_seconds_min = 1;    // MIN_GUEST_CREATE_TERM
    std::uint32_t creation_seconds_range = 1;  // GUEST_CREATE_TERM, likewise
    std::uint32_t loads_max = 50;              // MAXLOADCOUNT: a guest lives for 1 .. this loads
    double critical_load = 0.8;                // CRITICAL_LOAD
    VdsPlacement placement = VdsPlacement::least_loaded;
    VdsAdmission admission = VdsAdmission::room_for_mean;
    VdsLoad load = VdsLoad::fresh;
    std::uint64_t seed = 1;
};

struct VdsResult {
    std::uint32_t denied_cpu = 0;
    std::uint32_t denied_memory = 0;
    std::uint32_t migrations = 0;
    std::uint32_t given_up =
        0;  // migrations that the policy dropped: the destination would be busier than the source
    std::uint32_t users_max = 0;  // guests at one time

    std::uint32_t denied() const noexcept { return denied_cpu + denied_memory; }
};

inline constexpr std::uint32_t vds_samples_max = 64;  // kept of each guest; more than any window

class VdsSimulation {
  public:
    VdsSimulation(Arena& arena, std::uint32_t hosts_max, std::uint32_t guests_max) noexcept;
    // Equal settings give equal results. The guests' lives and loads depend on the seed alone, so that
    // policies are compared on the same users. REQUIRES: no more hosts and guests than given, window <=
    // vds_samples_max, everything but the free memory above 0.
    VdsResult run(const VdsSettings& settings, PolicyDecider& decider) noexcept;

  private:
    struct Guest {
        Prng random{0};
        policy::HostIndex host = policy::no_index;  // none: not created yet, denied, or ended
        std::uint32_t loads_left = 0;
        std::uint32_t next_load_at = 0;  // seconds since the start
        std::uint32_t load_percent_max = 0;
        double load = 0;  // share of a host
    };

    void begin(const VdsSettings& settings) noexcept;
    void age(std::uint32_t now) noexcept;
    void create(std::uint32_t number, std::uint32_t now) noexcept;
    policy::HostIndex choose_host() noexcept;
    bool has_memory(policy::HostIndex h) const noexcept;
    bool has_cpu(policy::HostIndex h) const noexcept;
    void raise_load(Guest& guest, std::uint32_t now) noexcept;
    void sample() noexcept;
    void balance(PolicyDecider& decider) noexcept;

    std::span<policy::Host> host_rows_;
    std::span<FixedString<7>> host_names_;
    std::span<policy::Vm> vm_rows_;  // of the living guests, for the policy
    std::span<std::uint32_t> guest_of_row_;
    std::span<FixedString<7>> guest_names_;
    std::span<Guest> guests_;
    std::span<double> samples_;  // vds_samples_max a guest, oldest first
    std::span<std::uint32_t> sample_counts_;
    std::span<double> mean_;  // of each host over the window, at the last sample
    std::span<std::uint64_t> memory_mib_;

    VdsSettings settings_;
    Prng random_{0};
    std::uint32_t next_host_ = 0;
    std::uint32_t users_ = 0;
    VdsResult result_;
};

}  // namespace ballast::experiments
