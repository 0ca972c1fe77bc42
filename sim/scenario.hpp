// What happens in one run: the pool, and a list of incidents, all drawn from the seed before anything moves.
// Everything else that happens follows from these and from the seed, so a run can be repeated with fewer
// incidents to find out which of them matter.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "controller/core/commands.hpp"
#include "sim/engine.hpp"

namespace ballast::simulator {

// A safety rule that is taken out on purpose, to see that the simulator notices. Never set outside tests.
enum class Mutation : std::uint8_t {
    none = 0,
    journal_lies,   // the agent's shell says "persisted" and has not written
    unpause_early,  // the destination's worker lets the copy run as soon as it is restored
    destroy_early,  // the source's worker destroys the guest when its image has been sent
    forget_keys,    // the store drops idempotency keys
    acks_lost,      // the controller's shell does not send acknowledgements
    second_clock,   // the twin of the controller's core is told another time
    forget_used,    // the store does not keep that a desktop has had a user
    empty_report,   // an agent whose hypervisor is silent says that it has no guests
};
inline constexpr Mutation mutations_last = Mutation::empty_report;
const char* to_string(Mutation mutation) noexcept;

enum class IncidentKind : std::uint8_t {
    // Processes and machines
    agent_dies = 0,       // host; comes back after `lasts_ns`
    agent_dies_in_steps,  // host; before its `amount`-th next action
    host_dies,            // host: power loss; boots after `lasts_ns`
    controller_dies,      // the process; comes back after `lasts_ns`
    controller_dies_in_steps,
    controller_host_dies,  // power loss
    workers_die,           // host: all of them, by SIGKILL
    // Network
    cut,           // host and `other` (a host, or the controller): nothing passes
    half_open,     // the same, from host to `other` only
    isolated,      // host: nothing passes to or from it
    slow_network,  // everything takes up to `amount` ms more
    // Disks
    journal_fails,       // host: records cannot be written for `lasts_ns`
    journal_fails_late,  // the same, but what "was not written" was
    journal_slow,        // every write takes up to `amount` ms
    saves_full,          // host: no room for save files
    store_fails,
    store_fails_late,
    store_slow,
    // Clocks
    host_clock_jumps,  // by `amount` ms, forwards or backwards, for good
    controller_clock_jumps,
    // Xen and guests
    hypervisor_silent,  // host: looks and calls fail for `lasts_ns`
    guest_deaf,         // guest: acknowledges neither suspend nor shutdown for `lasts_ns`
    guest_crashes,
    guest_powers_off,
    // Desktops: the `guest`-th desktop that some host has
    desktop_crashes,
    desktop_powers_off,
    guests_mute,       // host: its guests say nothing of themselves for `lasts_ns`
    guests_babble,     // host: nonsense, or more than xenstore takes
    kernel_missing,    // host: no guest can be created
    shared_full,       // the shared store takes nothing
    shared_slow,       // it takes up to `amount` ms more
    golden_rots,       // golden files there are not what was written any more
    shared_elsewhere,  // host: another file system lies where the shared store was
    // People
    login,    // user `guest`, who stays for `amount` ms
    request,  // `command` on guest, host, pool or user
};
inline constexpr std::uint32_t controller_node = UINT32_MAX;

struct Incident {
    std::int64_t at_ns = 0;
    IncidentKind kind = IncidentKind::request;
    std::uint32_t host = 0;
    std::uint32_t other = 0;
    std::uint32_t guest = 0;
    std::int64_t lasts_ns = 0;
    std::int64_t amount = 0;
    controller::CommandKind command = controller::CommandKind::none;
    bool repeated = false;  // request: sent once more, long after it was answered
};
std::string describe(const Incident& incident);

// Who logs in, and to what: a pool of common desktops, and private desktops for the first few users.
struct DesktopShape {
    std::uint32_t users = 0;  // 0: no desktops in this run
    std::uint32_t private_users = 0;
    std::uint32_t volumes = 0;  // disks of a private desktop, in the shared store
    controller::PoolTargets targets;
    controller::PoolRules common;
    controller::PoolRules personal;
    std::uint32_t memory_mib = 256;
    double misbehaving = 0;  // guests that never signal, or talk nonsense
    bool stay = false;       // sessions are left open in the end
};

struct PoolShape {
    std::uint32_t hosts = 3;
    std::uint32_t guests = 6;          // that run at the beginning
    std::uint32_t guests_to_come = 0;  // further ones that requests create
    std::uint64_t host_memory_mib = 4096;
    std::uint32_t link_mbps = 1000;
    std::uint32_t operation_speed = 4;
    std::uint32_t suspend_late_ms = 0;  // what guests take to suspend themselves, on every other host
    bool can_live = true;
    bool balance = false;
    std::int64_t latency_max_ns = 2 * ms;
    DesktopShape desktops;
};

struct Scenario {
    std::uint64_t seed = 1;
    PoolShape pool;
    std::int64_t faults_end_ns = 120 * second;  // the fault phase; then the world heals
    std::vector<Incident> incidents;            // by time
    Mutation mutation = Mutation::none;
};

Scenario make_scenario(std::uint64_t seed);

}  // namespace ballast::simulator
