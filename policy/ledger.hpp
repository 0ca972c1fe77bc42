// The state of a round of the policies that weigh several resources: every host's load and memory with the
// round's moves done. A move changes two hosts, in time that does not depend on the pool's size. A guest
// moves at most once in a plan.
#pragma once

#include <optional>
#include <span>

#include "policy/plan.hpp"
#include "policy/policy.hpp"

namespace ballast::policy {

// Utilisations; what a threshold is compared with.
struct Excess {
    Resource resource = Resource::cpu;
    double have = 0;
    double limit = 0;
};

class Ledger {
  public:
    // Starts from what `measure` found: windowed means, or, for the worst case, the sums of the guests'
    // peaks.
    enum class Load : std::uint8_t { mean = 0, peak = 1 };
    Ledger(const Pool& pool, const Parameters& parameters, Workspace& workspace, Plan& out,
           Load load) noexcept;

    const Pool& pool() const noexcept { return pool_; }
    const Parameters& parameters() const noexcept { return parameters_; }
    Plan& out() const noexcept { return out_; }
    const Host& host(HostIndex h) const noexcept { return pool_.hosts[h]; }
    const Vm& vm(VmIndex v) const noexcept { return pool_.vms[v]; }

    // Utilisation of a host, and of a host by one guest (as loads are counted, or by its peaks).
    const Amounts& load(HostIndex h) const noexcept { return workspace_.host_planned[h]; }
    Amounts part(VmIndex v, HostIndex h) const noexcept;
    Amounts peak_part(VmIndex v, HostIndex h) const noexcept;
    // A host whose load is known to be higher than its mean.
    void raise(HostIndex h, Resource resource, double utilisation) noexcept;

    // The weighed resource that is farthest above its threshold; none: none is above.
    std::optional<Excess> excess(const Amounts& load) const noexcept;
    bool overloaded(HostIndex h) const noexcept { return excess(load(h)).has_value(); }
    double limit(Resource resource) const noexcept { return limits_[resource]; }
    // What the host could take before a threshold is passed, in cores, Mb/s, MiB, MB/s (below 0: what it must
    // lose); infinite where the resource is not weighed there.
    Amounts room(HostIndex h) const noexcept;
    const Amounts& peak(VmIndex v) const noexcept { return workspace_.vm_peak[v]; }
    bool weighed(Resource resource) const noexcept;

    // The guests that were on the host when the round began.
    std::span<VmIndex> guests(HostIndex h) noexcept;
    // Whether the guest may be moved in this round. That its cool-down keeps it is listed, once, as a
    // rejection when the policy `wanted` to move it.
    bool may_move(VmIndex v, bool wanted) noexcept;
    // Whether the host may give guests away / take one for `v`; otherwise rejected with the reason.
    bool may_give(HostIndex h) noexcept;
    bool may_take(HostIndex h, VmIndex v) noexcept;
    // Whether the plan has room for so many more migrations; otherwise `v` is rejected.
    bool has_room(std::size_t migrations, VmIndex v) noexcept;

    // Whether no other guest of its anti-affinity group is on `to`, those that leave it for the guest's sake
    // aside; otherwise rejected.
    bool group_allows(VmIndex v, HostIndex to, std::span<const VmIndex> leaving = {}) noexcept;
    // Whether the memory of `to` has room for the guest; otherwise rejected.
    bool memory_fits(VmIndex v, HostIndex to) noexcept;
    // An order in which a swap's guests can move one after the other, none ever without memory on its
    // destination: how many of `others` leave before `v`. None: there is no such order.
    std::optional<std::uint32_t> swap_order(VmIndex v, HostIndex from, HostIndex to,
                                            std::span<const VmIndex> others) const noexcept;

    // Adds the move to the plan and carries it out in the books.
    void commit(const Move& move) noexcept;
    // A move of `v`, or its swap with `others`, to be completed with its reason.
    Move make_move(VmIndex v, HostIndex from, HostIndex to, std::span<const VmIndex> others = {},
                   std::uint32_t others_first = 0) const noexcept;
    std::uint32_t commits() const noexcept { return commits_; }

  private:
    void group_guests() noexcept;
    // Below zero where guests already take more than they may.
    std::int64_t free_mib(HostIndex h) const noexcept;

    const Pool& pool_;
    const Parameters& parameters_;
    Workspace& workspace_;
    Plan& out_;
    Load counted_;
    Amounts limits_;
    std::size_t migrations_ = 0;
    std::uint32_t commits_ = 0;
};

// By utilisation: a + b, a - b.
Amounts plus(const Amounts& a, const Amounts& b) noexcept;
Amounts minus(const Amounts& a, const Amounts& b) noexcept;

}  // namespace ballast::policy
