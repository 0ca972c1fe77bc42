// What a policy answers: moves with reasons, the candidates that it rejected and why, for every guest and
// host that stays the rule that kept it, and the pool before and after.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <span>
#include <string_view>

#include "base/arena.hpp"
#include "base/fixed_vector.hpp"
#include "policy/bounded_list.hpp"
#include "policy/data_report.hpp"
#include "policy/pool_model.hpp"

namespace ballast::policy {

// Frozen numbers: they lie in the controller's store. Only append.
enum class MoveKind : std::uint8_t { migrate = 0, swap = 1 };

// Why a candidate was not taken. `have` is what would be (or is), `limit` what may be. Frozen numbers.
enum class Constraint : std::uint8_t {
    destination_memory = 0,  // have: MiB in use there with the guest; limit: MiB that guests may use there
    destination_cpu = 1,  // have: utilisation there with the guest; limit: what it may be (VDS: the source's)
    destination_in_flight = 2,  // have: migrations into it with this one; limit: how many at a time
    source_in_flight = 3,       // have: migrations out of it with this one; limit: how many at a time
    cool_down = 4,         // have: seconds since the guest's last move; limit: seconds that must have passed
    no_destination = 5,    // have: 0 up hosts beside the source; limit: 1 needed
    moves_max = 6,         // have: moves with this one; limit: moves that were asked for
    host_state = 7,        // the host is not up
    vm_state = 8,          // the guest is not running, or has an operation under way
    capability = 9,        // the destination cannot run this type of guest
    too_few_samples = 10,  // have: samples of the host; limit: samples needed
    not_overloaded = 11,   // have: the host's utilisation nearest to its threshold; limit: that threshold
    not_selected = 12,     // have: its place in the order of guests; limit: how many of them the rule takes
    not_movable = 13,      // the guest's operator, or the configuration, keeps it where it is
    destination_net = 14,  // have, limit: as destination_cpu, of the network
    destination_memory_used = 15,  // likewise, of memory in use
    destination_disk = 16,         // likewise, of disk
    destination_busier = 17,  // have: the destination's load with the guest; limit: the source's load now
    no_relief = 18,           // have: the source's overloaded resource afterwards; limit: what it may be
    not_sustained = 19,       // have: samples above the threshold among the last; limit: how many it takes
    not_predicted = 20,       // have: predicted utilisation; limit: threshold
    no_swap = 21,         // neither a move nor a swap; have: guests that were tried; limit: 1 that would do
    moved_already = 22,   // a guest moves once in a plan; have: 2, limit: 1
    anti_affinity = 23,   // have: guests of its group there with it; limit: 1
    ping_pong = 24,       // it came from there; have: seconds since, limit: seconds that must have passed
    gain_too_small = 25,  // have: what the best move would save, or not_worked_out; limit: what it would cost
    spare_host = 26,      // have: guests of the largest host that would find no room if it failed; limit: 0
    outside_window = 27,  // have: minute of the day; limit: the minute from which guests may be moved
    no_way = 28,          // a place was found, but no order of moves in which memory suffices; have: MiB that
                          // the guest takes, limit: most MiB free on any host
    site_link = 29,       // the configuration has no link between its site and the guest's
    takes_no_images = 30,  // the destination's agent has no directory for disk images
    slower = 31,      // have: seconds until the guest would be there; limit: seconds of the best destination
    other_site = 32,  // the guest's disks are not to be had on the destination
};
inline constexpr Constraint constraint_last = Constraint::other_site;
inline constexpr std::size_t constraint_count = static_cast<std::size_t>(constraint_last) + 1;

std::string_view to_string(MoveKind) noexcept;
std::string_view to_string(Constraint) noexcept;
// The constraint for too high a utilisation of a destination.
Constraint destination_constraint(Resource resource) noexcept;

// Utilisations, 0..1 of the host's capacity (above 1: overcommitted; 0 where the capacity is unknown).
struct HostLoad {
    double cpu = 0;
    double memory = 0;  // guests' memory over all memory: what placement looks at
    double net = 0;
    double disk = 0;
    double memory_used = 0;  // guests' memory in use over all memory: what load is
};
// What the policies that weigh several resources call a host's load: memory is memory in use.
constexpr Amounts utilisation(const HostLoad& load) noexcept {
    return {{load.cpu, load.net, load.memory_used, load.disk}};
}

struct PoolLoad {
    std::span<HostLoad> hosts;  // by host index; hosts that are not up keep their load too
    // Population standard deviation over the up hosts.
    double cpu_stddev = 0;
    double memory_stddev = 0;
    double net_stddev = 0;
    double disk_stddev = 0;
    double memory_used_stddev = 0;
};

inline constexpr std::size_t swap_more_max = 3;

struct Move {
    MoveKind kind = MoveKind::migrate;
    VmIndex vm = no_index;
    HostIndex from = no_index;
    HostIndex to = no_index;
    VmIndex with = no_index;       // swap: the guest that goes the other way
    std::uint64_t memory_mib = 0;  // of all guests that move
    double vm_cpu_cores = 0;       // of `vm`, mean over the window
    Detail why;
    // Swap of one with several: the others that go the other way.
    FixedVector<VmIndex, swap_more_max> with_more;
    // Swap: how many of `with`, `with_more` leave before `vm` does (memory decides); see `legs`.
    std::uint32_t with_first = 0;
    std::uint32_t wave = 0;  // moves of a wave may run at once, waves run in order
    double seconds = 0;      // estimated duration; 0: not estimated
    double saves = 0;        // planner: cost of load that it saves, in the unit of the objective
    double price = 0;        // planner: what it costs to move, in the same unit
    // Both hosts right before and right after this move, the plan's earlier ones done.
    HostLoad from_before;
    HostLoad from_after;
    HostLoad to_before;
    HostLoad to_after;
};

// One guest's way within a move.
struct Leg {
    VmIndex vm = no_index;
    HostIndex from = no_index;
    HostIndex to = no_index;
};
using Legs = FixedVector<Leg, swap_more_max + 2>;
// The single migrations of a move in the order in which memory allows them one after the other.
Legs legs(const Move& move) noexcept;

struct Rejection {
    VmIndex vm = no_index;    // may be none: the whole host was passed over
    HostIndex to = no_index;  // may be none: refused before any destination was looked at
    Constraint constraint = Constraint::destination_memory;
    double have = 0;
    double limit = 0;
};

// Instead of a number that would take longer to find than the round may (time_budget_ms).
inline constexpr double not_worked_out = std::numeric_limits<double>::quiet_NaN();

// What became of one guest or host in a round.
struct Verdict {
    enum class Kind : std::uint8_t { none = 0, moves = 1, stays = 2 };
    Kind kind = Kind::none;
    // stays: the last rule that stopped it. For a host "stays" means: no guest leaves it.
    Constraint constraint = Constraint::not_overloaded;
    HostIndex to = no_index;  // the destination that was refused, if one was looked at
    double have = 0;
    double limit = 0;
};

// How near to being overloaded a host is: the resource whose utilisation is nearest to, or farthest above,
// its threshold.
struct Standing {
    HostIndex host = no_index;  // none: no host is up
    Resource resource = Resource::cpu;
    double have = 0;
    double limit = 0;
    bool overloaded = false;
};

// How the policy's search for moves ended, where it has one: nothing was left to improve, or its time
// (time_budget_ms) was over before.
enum class SearchEnd : std::uint8_t { none, complete, cut_short };

// Buffers of one plan in the caller's memory; `clear` makes them ready for the next.
struct Plan {
    BoundedList<Move> moves;
    BoundedList<Rejection> rejected;
    BoundedList<HostIndex> unresolved;  // up hosts that are overloaded even after the plan
    PoolLoad before;
    PoolLoad after;
    HostIndex source = no_index;  // the first host that the plan relieves; none: no host needs it

    // By VM and host index; empty when make_plan was not told for how many.
    std::span<Verdict> vms;
    std::span<Verdict> hosts;
    // How many guests, and how many hosts, each rule kept from moving or from giving guests away.
    std::array<std::uint32_t, constraint_count> vms_by_rule{};
    std::array<std::uint32_t, constraint_count> hosts_by_rule{};
    SearchEnd search = SearchEnd::none;
    Standing nearest;  // of all up hosts before the plan
    DataReport data;
    Detail conclusion;  // one sentence; "nothing to do" with the nearest threshold

    void clear() noexcept;
    // Lists a rejection and makes it the verdict on its guest, or on its host when it names no guest.
    void reject(const Rejection& rejection) noexcept;
    // Only the verdict: for the many that no constraint had to stop.
    void pass_over(VmIndex vm, Constraint constraint, double have, double limit) noexcept;
};
// `vms_max` 0: no verdicts are kept.
Plan make_plan(Arena& arena, std::size_t hosts_max, std::size_t moves_max, std::size_t rejected_max,
               std::size_t vms_max = 0) noexcept;

}  // namespace ballast::policy
