// The planner behind the policy `ballast`: who must leave, who is overloaded, and what is worth moving beyond
// that. docs/planner.md explains cost, prices and rules.
#pragma once

#include <cstdint>
#include <span>

#include "base/arena.hpp"
#include "policy/plan.hpp"
#include "policy/planner/board.hpp"
#include "policy/planner/calm.hpp"
#include "policy/planner/descent.hpp"
#include "policy/planner/objective.hpp"
#include "policy/planner/relief.hpp"
#include "policy/planner/sequence.hpp"
#include "policy/planner/waves.hpp"
#include "policy/policy.hpp"
#include "policy/pool_model.hpp"

namespace ballast::policy::planner {

// One round at a time, in memory taken once. A caller with a deadline calls `step` until it is true or time
// is up; `finish` makes a plan of what has been found by then. A round with the same budgets gives the same
// plan.
class Planner {
  public:
    Planner() noexcept = default;
    Planner(Arena& arena, std::size_t hosts_max, std::size_t vms_max) noexcept;

    // Sets the board up, empties draining hosts, relieves overloaded ones. Means go to the workspace; pool,
    // parameters and `out` outlive the round.
    void begin(const Pool& pool, const Parameters& parameters, Workspace& workspace, Plan& out) noexcept;
    // Balances. True: nothing more is worth moving.
    bool step(std::uint64_t evaluations) noexcept;
    // Fills moves and rejections. The round is over.
    void finish() noexcept;

    // Of the whole pool, before and after the plan; the objective's own unit (stddev: the weighted sum).
    double cost_before() const noexcept { return cost_before_; }
    double cost_after() const noexcept { return cost_after_; }
    std::uint64_t evaluations() const noexcept { return relief_.evaluations() + descent_.evaluations(); }
    // Whether relief used up its evaluations (parameters' time_budget_ms), or balance made do with fewer.
    bool shortened() const noexcept { return relief_.exhausted() || descent_.shortened(); }

  private:
    std::uint32_t samples_of(std::uint32_t seconds) const noexcept;
    void look_ahead(Workspace& workspace) noexcept;
    void look_at(std::uint32_t samples, std::uint32_t recent, Workspace& workspace, bool again) noexcept;
    bool mark_hot(const Workspace& measured) noexcept;
    Move move_of(const Step& step) const noexcept;
    Detail why(const Step& step) const noexcept;
    void relieve_the_rest() noexcept;
    ReliefLimits relief_limits() const noexcept;
    void explain_guests() noexcept;

    const Pool* pool_ = nullptr;
    const Parameters* parameters_ = nullptr;
    Plan* out_ = nullptr;
    Board board_;
    Objective objective_;
    Relief relief_;
    Calm calm_;
    Descent descent_;
    Sequence sequence_;
    Waves waves_;
    std::span<bool> hot_;  // by node
    Point thresholds_{};
    Point fill_up_to_{};               // no destination is expected above this
    PerResource<double> persistence_;  // of the loads that relief looks at
    std::uint32_t window_ = 1;
    bool keep_spare_host_ = false;
    bool balanced_ = false;
    bool awaits_samples_ = false;  // before it balances
    bool relief_only_ = false;
    bool relief_comes_last_ = false;
    const Workspace* measured_ = nullptr;
    double cost_before_ = 0;
    double cost_after_ = 0;
};

// The policy: a whole round without a deadline.
void decide_ballast(const Policy& policy, const Pool& pool, const Parameters& parameters,
                    Workspace& workspace, Plan& out) noexcept;

}  // namespace ballast::policy::planner
