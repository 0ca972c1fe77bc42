// Automatic balancing: one planning round per interval, and none while a plan is being carried out.
#include "controller/core/step.hpp"

namespace ballast::controller {
namespace {

std::uint32_t plan_under_way(const Tables& t) noexcept {
    return t.plans.find([](const PlanRow& plan) { return plan.record.state == PlanState::applying; });
}

void decide_nothing(Step& step, DecisionRow& decision) noexcept {
    const policy::Plan& plan = step.t.plan;
    const bool quiet = plan.source == policy::no_index && plan.rejected.empty();
    decision.kind = quiet ? DecisionKind::no_overload : DecisionKind::no_move;
    decision.why = plan.conclusion;
    decide(step, decision);
}

}  // namespace

void tick_balancing(Step& step) noexcept {
    const BalanceSettings& balance = step.t.settings.balance;
    if (!balance.enabled || step.now.mono < step.t.balance_next) {
        return;
    }
    step.t.balance_next = step.now.mono + balance.interval;
    DecisionRow decision;
    decision.origin = JobOrigin::balancing;
    decision.policy = balance.policy;
    decision.critical_load = balance.parameters.critical_load;
    if (const std::uint32_t busy = plan_under_way(step.t); busy != no_row) {
        decision.kind = DecisionKind::waiting;
        decision.plan_id = step.t.plans[busy].record.id;
        decision.why = "an earlier plan is being carried out";
        decide(step, decision);
        return;
    }
    const policy::Policy* policy = policy::find_policy(balance.policy);
    BALLAST_ASSERT(policy != nullptr);
    const Round round = compute_plan(step, *policy, balance.parameters);
    const policy::Plan& plan = step.t.plan;
    if (plan.source != policy::no_index) {
        decision.source = step.t.hosts[plan.source].record.name;
        decision.source_cpu = plan.before.hosts[plan.source].cpu;
    }
    decision.by_rule = {plan.vms_by_rule, plan.hosts_by_rule};
    decision.search = round.search;
    add_rejections(step.t, plan.rejected.items(), decision);
    decision.rejected_left_out += static_cast<std::uint32_t>(plan.rejected.left_out());
    if (plan.moves.empty()) {
        decide_nothing(step, decision);
        return;
    }
    const std::uint32_t row = keep_plan(step, JobOrigin::balancing, round);
    BALLAST_ASSERT(row != no_row);  // no plan is being carried out, so one could make room
    decision.kind = DecisionKind::planned;
    decision.plan_id = step.t.plans[row].record.id;
    decision.why = plan.conclusion;
    decide(step, decision);
    start_plan(step, row);
}

}  // namespace ballast::controller
