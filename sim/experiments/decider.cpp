#include "sim/experiments/decider.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace ballast::experiments {
namespace {

// A plan never needs more moves than guests; explanations beyond these are counted, not kept.
constexpr std::size_t rejected_max = 1024;

}  // namespace

PolicyDecider::PolicyDecider(const policy::Policy& policy, const policy::Parameters& parameters, Arena& arena,
                             std::size_t hosts_max, std::size_t vms_max) noexcept
    : policy_{policy},
      parameters_{parameters},
      workspace_{policy::make_workspace(arena, hosts_max, vms_max)},
      plan_{policy::make_plan(arena, hosts_max, vms_max, rejected_max)} {}

std::span<const policy::Move> PolicyDecider::decide(const policy::Pool& pool) noexcept {
    const Status planned = policy::plan(policy_, pool, parameters_, workspace_, plan_);
    BALLAST_ASSERT(planned.ok());  // the pool fits, and the parameters were checked where they came in
    return plan_.moves.items();
}

}  // namespace ballast::experiments
