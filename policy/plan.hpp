// What a policy answers: moves with reasons, the candidates that it rejected and why, and the pool before and
// after.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/arena.hpp"
#include "policy/bounded_list.hpp"
#include "policy/pool_model.hpp"

namespace ballast::policy {

// Frozen numbers: they lie in the controller's store. Only append.
enum class MoveKind : std::uint8_t { migrate = 0, swap = 1 };

// Why a candidate was not taken. `have` is what would be (or is), `limit` what may be. Frozen numbers.
enum class Constraint : std::uint8_t {
    destination_memory = 0,  // have: MiB in use there with the guest; limit: MiB that guests may use there
    destination_cpu = 1,  // have: utilisation there with the guest; limit: the source's measured utilisation
    destination_in_flight = 2,  // have: migrations into it with this one; limit: how many at a time
    source_in_flight = 3,       // have: migrations out of it with this one; limit: how many at a time
    cool_down = 4,         // have: seconds since the guest's last move; limit: seconds that must have passed
    no_destination = 5,    // have: 0 up hosts beside the source; limit: 1 needed
    moves_max = 6,         // have: moves with this one; limit: moves that were asked for
    host_state = 7,        // the host is not up (placement and execution only)
    vm_state = 8,          // the guest is not running, not movable, or has an operation under way
    capability = 9,        // the destination cannot run this type of guest
    too_few_samples = 10,  // have: samples of the host; limit: samples needed
};
std::string_view to_string(MoveKind) noexcept;
std::string_view to_string(Constraint) noexcept;

struct Move {
    MoveKind kind = MoveKind::migrate;
    VmIndex vm = no_index;
    HostIndex from = no_index;
    HostIndex to = no_index;
    VmIndex with = no_index;  // swap: the guest that goes the other way
    std::uint64_t memory_mib = 0;
    double vm_cpu_cores = 0;  // mean over the window
    Detail why;
};

struct Rejection {
    VmIndex vm = no_index;    // may be none: the whole host was passed over
    HostIndex to = no_index;  // may be none: refused before any destination was looked at
    Constraint constraint = Constraint::destination_memory;
    double have = 0;
    double limit = 0;
};

// Utilisations, 0..1 of the host's capacity (above 1: overcommitted; 0 where the capacity is unknown).
struct HostLoad {
    double cpu = 0;
    double memory = 0;  // guests' memory over all memory
    double net = 0;
};
struct PoolLoad {
    std::span<HostLoad> hosts;  // by host index; hosts that are not up keep their load too
    // Population standard deviation over the up hosts.
    double cpu_stddev = 0;
    double memory_stddev = 0;
    double net_stddev = 0;
};

// Buffers of one plan in the caller's memory; `clear` makes them ready for the next.
struct Plan {
    BoundedList<Move> moves;
    BoundedList<Rejection> rejected;
    BoundedList<HostIndex> unresolved;  // up hosts that are at or above the critical load even after the plan
    PoolLoad before;
    PoolLoad after;
    HostIndex source = no_index;  // the host that the plan relieves; none: no host needs it

    void clear() noexcept;
};
Plan make_plan(Arena& arena, std::size_t hosts_max, std::size_t moves_max, std::size_t rejected_max) noexcept;

}  // namespace ballast::policy
