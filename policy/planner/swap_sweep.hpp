// The sweeps of the descent that exchange two guests.
#pragma once

#include <span>

#include "base/arena.hpp"
#include "policy/bounded_list.hpp"
#include "policy/planner/changes.hpp"
#include "policy/planner/hopes.hpp"
#include "policy/planner/slopes.hpp"
#include "policy/planner/tangents.hpp"

namespace ballast::policy::planner {

class SwapSweep {
  public:
    SwapSweep() noexcept = default;
    SwapSweep(Arena& arena, std::size_t hosts_max, std::size_t vms_max) noexcept;

    void begin(Changes& changes, const Slopes& slopes, const Hopes& hopes) noexcept;
    // The next sweep looks at all pairs of nodes, or only at those of which one changed since the last one.
    void look_at_all(bool all = true) noexcept { whole_ = all; }
    bool whole() const noexcept { return whole_; }
    void mark_changed(Rank n) noexcept { unswapped_[n] = true; }

    void begin_sweep() noexcept;
    // Finds the guest's best swap.
    void scan(Rank g, Change& best) noexcept;
    void end_sweep() noexcept;

  private:
    void show_partners() noexcept;
    void consider_swap(Rank g, Rank other, Change& best) noexcept;
    void consider_all_on(Rank n, Rank g, Change& best) noexcept;
    void scan_away(Rank g, std::size_t count, Change& best) noexcept;
    void scan_nodes_for_partners(Rank g, bool all, Change& best) noexcept;
    void scan_partners(Rank g, Change& best) noexcept;
    void scan_partners_of_overloaded(Rank g, Change& best) noexcept;
    void scan_partners_on(Rank n, Rank g, Change& best) noexcept;

    Changes* changes_ = nullptr;
    const Board* board_ = nullptr;
    const Objective* objective_ = nullptr;
    const Slopes* slopes_ = nullptr;
    const Hopes* hopes_ = nullptr;
    // Guests away from home when a sweep begins; first those whose node changed since the last one.
    BoundedList<Rank> away_;
    std::size_t away_unswapped_ = 0;            // how many those are
    BoundedList<PartnerGroup> partner_groups_;  // the first of them; more than fit are looked at one by one
    std::span<bool> unswapped_;                 // by node: changed since the last sweep
    bool whole_ = true;
};

}  // namespace ballast::policy::planner
