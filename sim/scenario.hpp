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
};
inline constexpr Mutation mutations_last = Mutation::second_clock;
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
    // People
    request,  // `command` on guest or host
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

struct PoolShape {
    std::uint32_t hosts = 3;
    std::uint32_t guests = 6;          // that run at the beginning
    std::uint32_t guests_to_come = 0;  // further ones that requests create
    std::uint64_t host_memory_mib = 4096;
    std::uint32_t link_mbps = 1000;
    std::uint32_t operation_speed = 4;
    bool can_live = true;
    bool balance = false;
    std::int64_t latency_max_ns = 2 * ms;
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
