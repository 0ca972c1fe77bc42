// Whoever decides in an experiment: a policy of policy/, or one of the trivial baselines.
#pragma once

#include <cstdint>
#include <span>

#include "policy/plan.hpp"
#include "policy/policy.hpp"
#include "policy/pool_model.hpp"

namespace ballast::experiments {

class Decider {
  public:
    // The moves to carry out from the next slot on, in this order; valid until the next call. `pool` has the
    // samples up to now. No migration is under way when it is asked.
    virtual std::span<const policy::Move> decide(const policy::Pool& pool) noexcept = 0;
    // Forgets what it has learned from an earlier run.
    virtual void reset() noexcept {}

  protected:
    ~Decider() = default;
};

// Asks a policy of policy/ as the controller does.
class PolicyDecider final : public Decider {
  public:
    PolicyDecider(const policy::Policy& policy, const policy::Parameters& parameters, Arena& arena,
                  std::size_t hosts_max, std::size_t vms_max) noexcept;
    std::span<const policy::Move> decide(const policy::Pool& pool) noexcept override;
    const policy::Plan& last_plan() const noexcept { return plan_; }

  private:
    const policy::Policy& policy_;
    policy::Parameters parameters_;
    policy::Workspace workspace_;
    policy::Plan plan_;
};

}  // namespace ballast::experiments
