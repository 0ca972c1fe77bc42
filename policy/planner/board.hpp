// The pool as the planner moves it about: guests on nodes, what each node carries, and what a move would
// change. Amounts are rounded to 2^-20 of their unit when they come in, so that sums of them are exact:
// neither the order of guests nor the order of moves can change a decision by rounding.
#pragma once

#include <cstdint>
#include <limits>
#include <span>

#include "base/arena.hpp"
#include "policy/plan.hpp"
#include "policy/planner/cost.hpp"
#include "policy/planner/lanes.hpp"
#include "policy/policy.hpp"
#include "policy/pool_model.hpp"

namespace ballast::policy::planner {

// Index of a guest or node on the board: its rank by name, so that ties go by name.
using Rank = std::uint32_t;
inline constexpr Rank nobody = UINT32_MAX;

inline constexpr double unlimited = std::numeric_limits<double>::infinity();

struct Guest {
    Point amount{};  // cores, Mb/s, MiB in use, MB/s, MiB given, vCPUs
    Point before{};  // the same by the window that the board was set up for before
    VmIndex vm = no_index;
    Rank node = nobody;  // where the plan has it now
    Rank home = nobody;  // where it was when the board was set up
    Rank next = nobody;  // of the same node
    Rank previous = nobody;
    Rank partner = nobody;    // of a swap that relief has chosen: the two are not to go one by one
    Rank came_from = nobody;  // where its last migration took it away from, while that is remembered
    std::int64_t memory_mib = 0;
    double gib = 0;           // that a migration sends
    double seconds = 0;       // that a migration takes
    std::uint32_t group = 0;  // anti-affinity; 0: none
    bool free = false;        // the plan may move it
    bool session = false;     // somebody is working on it: it moves after all others
    bool calm = false;        // its host is far from overloaded: moving it is dear
    bool gives_way = false;   // it makes room for a guest of an overloaded host, wherever that is cool
    // Why it is not free.
    Constraint bound_by = Constraint::vm_state;
    double have = 0;
    double limit = 0;
};

struct Node {
    Point sum{};       // of its guests and dom0
    Point before{};    // the same by the window before
    Point per_unit{};  // 1 / capacity; 0: capacity unknown, not weighed
    Point at{};        // sum * per_unit
    HostIndex host = no_index;
    std::uint32_t site = no_index;
    Rank first = nobody;  // guest
    std::uint32_t guests = 0;
    std::int64_t room_mib = 0;  // memory for guests that is not taken, moves in flight taken on both sides
    std::uint32_t samples = 0;  // that its load is the mean of; with fewer than this it gives and takes none
    std::uint32_t samples_min = 0;
    bool counts = false;  // up: part of the cost
    bool takes = false;   // may be a destination
    bool leaves = false;  // draining: its guests must go
};

class Board {
  public:
    Board() noexcept = default;
    Board(Arena& arena, std::size_t hosts_max, std::size_t vms_max) noexcept;

    // REQUIRES: `measure` has filled the workspace over this window; the pool is no larger than the arrays.
    // `again`: it is the pool that the board was set up from before, for another window; what was expected by
    // that stays known.
    void set_up(const Pool& pool, const Parameters& parameters, std::uint32_t window,
                const Workspace& measured, bool again) noexcept;

    std::span<Node> nodes() noexcept { return nodes_.first(node_count_); }
    std::span<const Node> nodes() const noexcept { return nodes_.first(node_count_); }
    std::span<Guest> guests() noexcept { return guests_.first(guest_count_); }
    std::span<const Guest> guests() const noexcept { return guests_.first(guest_count_); }
    const Node& node(Rank n) const noexcept { return nodes_[n]; }
    const Guest& guest(Rank g) const noexcept { return guests_[g]; }
    const Sums& sums() const noexcept { return sums_; }

    // Calls visit(to, cost) for each node that takes guests, except where the guest is, in their order:
    // `cost` is what its coming changes of the node's cost by the curves. `visit` returns a bound: nodes that
    // cost as much or more need not be visited any longer; `bound` is the first.
    template <class Visit>
    void for_each_place(const Curves& curves, Rank g, Visit visit, double bound = unlimited) const noexcept {
        const Coming coming{curves, guests_[g].amount};
        Lanes costs;
        for (std::size_t i = 0; i * lane_count < node_count_; ++i) {
            const NodeGroup& group = groups_[i];
            for (std::size_t lane = coming.costs(group, bound, costs) ? 0 : lane_count; lane < lane_count;
                 ++lane) {
                const auto to = static_cast<Rank>(i * lane_count + lane);
                if (costs[lane] < bound && group.takes[lane] && to != guests_[g].node) {
                    bound = visit(to, costs[lane]);
                }
            }
        }
    }

    // Changes of utilisation on `n` by the guest coming (+1) or leaving (-1).
    Point shift(Rank g, Rank n, double sign) const noexcept;
    void move(Rank g, Rank to) noexcept;

    // Nothing when the guest may go there as things are now; otherwise the first rule against it.
    std::optional<Rejection> obstacle(Rank g, Rank to) const noexcept;
    // The same without memory, and without regard to `leaving`, a guest that is about to leave `to`.
    std::optional<Rejection> obstacle_but_memory(Rank g, Rank to, Rank leaving) const noexcept;
    std::int64_t memory_for_guests_mib(Rank n) const noexcept { return memory_for_guests_mib_[n]; }

    // Whether, if the node with most guest memory failed, its guests fit on the others, largest first, each
    // on the node with most room. N+1 of memory; CPU is not looked at.
    bool survives_largest() noexcept;

  private:
    void set_up_nodes(const Pool& pool, std::uint32_t window, const Parameters& parameters,
                      const Workspace& measured) noexcept;
    void show_in_lanes(Rank n) noexcept;
    void set_up_guests(const Pool& pool, const Parameters& parameters, const Workspace& measured,
                       bool again) noexcept;
    void sort_guests(const Pool& pool, const Parameters& parameters) noexcept;
    void set_up_groups(const Pool& pool) noexcept;
    void bind(Guest& guest, const Vm& vm, const Pool& pool, const Parameters& parameters) const noexcept;
    void put(Rank g, Rank n) noexcept;
    void lift(Rank g) noexcept;
    void refresh(Rank n) noexcept;
    void count(const Node& node, double sign) noexcept;

    std::span<Node> nodes_;
    std::span<NodeGroup> groups_;  // the nodes again, side by side
    std::span<Guest> guests_;
    std::span<Rank> rank_of_host_;
    std::span<Rank> order_;                          // guests, for sorting
    std::span<std::int64_t> memory_for_guests_mib_;  // by node
    std::span<std::int64_t> spare_mib_;              // by node, for survives_largest
    std::size_t node_count_ = 0;
    std::size_t guest_count_ = 0;
    Sums sums_;
};

}  // namespace ballast::policy::planner
