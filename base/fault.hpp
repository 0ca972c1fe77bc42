// Every reason for which an operation can be refused or fail, shared by agent, controller and tools. The
// numbers travel on the wire and lie in journals: never renumber, only append.
#pragma once

#include <cstdint>
#include <string_view>

namespace ballast {

enum class Fault : std::uint8_t {
    none = 0,
    // Own or caller's mistakes
    invalid_argument = 1,
    not_found = 2,
    already_exists = 3,
    limit_reached = 4,
    unsupported = 5,
    // The guest or the host is not in the state that the operation needs
    state_conflict = 10,      // truth differs from the state that the order expected
    guest_paused = 11,        // a paused guest can be neither saved nor migrated
    guest_unresponsive = 12,  // the guest did not acknowledge in time
    guest_crashed = 13,
    no_memory = 14,  // the destination has not enough free memory
    no_disk_space = 15,
    live_migration_unavailable = 16,  // no shadow paging (PV) or no HAP (PVH, HVM): stop-and-copy may work
    domain_in_use = 17,               // another operation on this domain is under way
    host_draining = 18,
    // The environment
    hypervisor_failed = 30,  // libxl said no; details in the log line beside it
    hypervisor_unavailable = 31,
    io_failed = 32,
    storage_mismatch = 33,  // a disk is not reachable or not the same on both hosts
    image_corrupt = 34,     // a save file or stream is not what it must be
    // Peers
    connection_lost = 50,
    peer_refused = 51,
    protocol_violation = 52,
    version_mismatch = 53,
    authentication_failed = 54,
    host_unreachable = 55,
    // Time
    deadline_exceeded = 70,
    cancelled = 71,
    worker_died = 72,  // a worker process ended without a result; the truth was re-read from Xen
    // Hand-over
    handover_in_doubt =
        80,  // whether the destination runs the guest is not known yet; the source stays suspended
    handover_lost = 81,  // the destination may have run the guest and then lost it: an operator decides
};

// The fault's stable snake_case name, as used in JSON, metrics and logs.
std::string_view to_string(Fault fault) noexcept;

// One plain sentence for people.
std::string_view describe(Fault fault) noexcept;

}  // namespace ballast
