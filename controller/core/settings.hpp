// What the operator sets, as the core sees it: checked by the shell's config before it gets here. Limits size
// the tables once at start; the settings steer behaviour.
#pragma once

#include <array>
#include <cstdint>

#include "base/fixed_vector.hpp"
#include "base/instant.hpp"
#include "base/vocabulary.hpp"
#include "controller/core/sites.hpp"
#include "policy/policy.hpp"

namespace ballast::controller {

// Rows per table. Over a limit a request is refused and the limit named; nothing grows.
struct Limits {
    std::uint32_t hosts = 64;
    std::uint32_t vms = 2000;
    std::uint32_t links = 96;         // connections of agents, those that have not said who they are included
    std::uint32_t jobs = 512;         // under way, and ended ones that are still shown
    std::uint32_t definitions = 256;  // of guests that we create and start
    std::uint32_t plans = 32;
    std::uint32_t moves_per_plan = 64;
    std::uint32_t rejected_per_plan = 64;
    std::uint32_t decisions = 256;
    std::uint32_t idempotency_keys = 4096;
    std::uint32_t handover_queries = 64;  // asked by way of the controller, not answered yet
    std::uint32_t window_samples = 7;     // samples kept of each series, 1 to limits::window_samples_max
    std::uint32_t desktop_pools = 16;
    std::uint32_t desktops = 2000;          // of all pools, the private ones included
    std::uint32_t sessions = 1024;          // open, and ended ones that are still shown
    std::uint32_t image_sketches = 32;      // samples of what disk images hold, of hosts and guests
    std::uint32_t history_per_vm = 16;      // changes kept of each guest
    std::uint32_t history_stored = 20'000;  // changes of all guests that the store keeps over a restart
};

inline constexpr std::size_t apart_groups_max = 64;
using ApartGroups = FixedVector<Name, apart_groups_max>;

struct BalanceSettings {
    bool enabled = false;
    Duration interval = seconds(5);
    FixedString<15> policy = "ballast";
    policy::Parameters parameters;  // samples_min applies to automatic rounds; an operator's needs one sample
    bool plain_guests = true;       // may guests that were found, not created by us, be moved?
    // Anti-affinity: guests whose names begin with the same one of these are kept on different hosts. The
    // first that fits counts.
    ApartGroups apart;
};

struct DesktopSettings {
    std::uint32_t host_operations_max = 4;  // creations, saves and restores of desktops at once on one host
    Duration probe = seconds(30);           // how long a woken guest may take to show that it is alive
    Duration opening = seconds(300);        // of a session
    Duration closing = seconds(15);
    Duration retry_first = seconds(5);  // after a start that failed; doubles with every further one
    Duration retry_max = seconds(600);
    Duration host_away = seconds(120);  // its spares then count no longer
};

struct Settings {
    Limits limits;
    Duration sample_interval = seconds(5);
    std::uint32_t stale_after_intervals = 3;  // no sample for so long: the host is suspect
    Duration hello_timeout = seconds(10);
    std::uint32_t memory_reserved_mib =
        256;                           // kept free on every host, beside what dom0 and the hypervisor use
    double host_disk_mbps = 0;         // capacity of the hosts' disks, megabytes per second; 0: unknown
    std::uint32_t migrations_max = 4;  // under way at once in the whole pool
    std::uint32_t agent_jobs_max = limits::agent_jobs_max;  // open on one host
    // From the order's receipt, by JobKind; the controller itself gives up `deadline_grace` later.
    std::array<Duration, 16> deadlines{seconds(60),   seconds(120),  seconds(30),   seconds(30),
                                       seconds(600),  seconds(600),  seconds(180),  seconds(60),
                                       seconds(1800), seconds(1800), seconds(1800), seconds(600),
                                       seconds(60),   seconds(600),  seconds(600),  seconds(43'200)};
    Duration migrate_copy_deadline = seconds(43'200);  // of a migration with the disk images
    Duration deadline_grace = seconds(30);
    Duration duplicate_grace =
        seconds(10);  // two hosts may both claim a guest for so long while reports cross
    // A desktop that is suspended without an operation may still be let run on by its agent, which looks for
    // guests that suspend themselves late for 20 s.
    Duration suspended_grace = seconds(30);
    Duration forget_vm_after = seconds(3600);  // a vanished guest without a definition
    Duration idempotency_ttl = seconds(24 * 3600);
    Duration drain_retry = seconds(60);  // before a guest is tried again that could not be moved
    BalanceSettings balance;
    DesktopSettings desktops;
    SiteMap sites;

    Duration deadline(JobKind kind) const noexcept { return deadlines[static_cast<std::size_t>(kind)]; }
};

}  // namespace ballast::controller
