// Plans on request: computed, shown, applied, cancelled.
#include <algorithm>
#include <optional>

#include "controller/core/step.hpp"

namespace ballast::controller {
namespace {

// Number of a plan that is being applied; 0 when there is none.
std::uint64_t id_of_plan_under_way(const Tables& t) noexcept {
    for (const PlanRow& plan : t.plans.rows()) {
        if (plan.in_use && plan.record.state == PlanState::applying) {
            return plan.record.id;
        }
    }
    return 0;
}

// What a plan is made with; nothing, and a refusal, when it cannot be made with what was asked for.
struct Asked {
    const policy::Policy* policy = nullptr;
    policy::Parameters parameters;
};

std::optional<Asked> asked_for(const Step& step, const Command& command, Outcome& outcome) noexcept {
    const BalanceSettings& configured = step.t.settings.balance;
    const std::string_view name = command.policy.empty() ? configured.policy.view() : command.policy.view();
    const policy::Policy* policy = policy::find_policy(name);
    if (policy == nullptr) {
        refuse(outcome, Slug::validation_failed, Fault::not_found, compose("no policy is called ", name));
        outcome.pointer = "/policy";
        return std::nullopt;
    }
    policy::Parameters parameters = command.has_parameters ? command.parameters : configured.parameters;
    if (!command.has_parameters) {
        // An operator may decide on less than a full window, but a host of which nothing was measured yet is
        // not an idle one.
        parameters.samples_min = std::min(parameters.samples_min, 1U);
    }
    if (const auto wrong = policy::check(parameters)) {
        refuse(outcome, Slug::validation_failed, Fault::invalid_argument, *wrong);
        outcome.pointer = "/parameters";
        return std::nullopt;
    }
    if (parameters.window > step.t.settings.limits.window_samples) {
        refuse(
            outcome, Slug::validation_failed, Fault::invalid_argument,
            compose("window: ", parameters.window, " samples were asked for, and limit window_samples keeps ",
                    step.t.settings.limits.window_samples));
        outcome.pointer = "/parameters/window";
        return std::nullopt;
    }
    return Asked{policy, parameters};
}

void plan_create(Step& step, const Command& command, Outcome& outcome) noexcept {
    // Two rebalances at once (cron and an operator) would each move guests on what it knew before the other's
    // moves: the second is told of the first.
    const std::uint64_t under_way =
        command.kind == CommandKind::rebalance && !command.dry_run ? id_of_plan_under_way(step.t) : 0;
    if (under_way != 0) {
        outcome.kind = OutcomeKind::already_so;
        outcome.plan_id = under_way;
        return;
    }
    const std::optional<Asked> asked = asked_for(step, command, outcome);
    if (!asked) {
        return;
    }
    const Round round = compute_plan(step, *asked->policy, asked->parameters);
    outcome.kind = OutcomeKind::plan;
    if (command.dry_run) {
        fill_plan(step.t, step.now, JobOrigin::operator_request, round, step.t.dry_plan);
        return;
    }
    const std::uint32_t row = keep_plan(step, JobOrigin::operator_request, round);
    if (row == no_row) {
        refuse_limit(outcome, "plans");
        return;
    }
    outcome.plan_id = step.t.plans[row].record.id;
    DecisionRow decision;
    decision.origin = JobOrigin::operator_request;
    decision.kind = step.t.plan.moves.empty() ? DecisionKind::no_move : DecisionKind::planned;
    decision.policy = asked->policy->name;
    decision.critical_load = asked->parameters.critical_load;
    decision.plan_id = outcome.plan_id;
    decision.source = step.t.plans[row].record.source;
    decision.why = step.t.plan.conclusion;
    decision.by_rule = {step.t.plan.vms_by_rule, step.t.plan.hosts_by_rule};
    decision.search = round.search;
    add_rejections(step.t, step.t.plan.rejected.items(), decision);
    decide(step, decision);
    if (command.kind == CommandKind::rebalance) {
        start_plan(step, row);
    }
}

}  // namespace

void plan_command(Step& step, const Command& command, Outcome& outcome) noexcept {
    if (command.kind == CommandKind::plan_create || command.kind == CommandKind::rebalance) {
        plan_create(step, command, outcome);
        return;
    }
    const std::uint32_t row = find_plan_row(step.t, command.id);
    if (row == no_row) {
        refuse(outcome, Slug::not_found, Fault::not_found, compose("no plan ", command.id));
        return;
    }
    const bool apply = command.kind == CommandKind::plan_apply;
    const PlanState state = step.t.plans[row].record.state;
    outcome.plan_id = command.id;
    if (state == PlanState::ready || (!apply && state == PlanState::applying)) {
        outcome.kind = OutcomeKind::plan;
        if (!command.dry_run) {
            apply ? start_plan(step, row) : cancel_plan(step, row);
        }
    } else if (state == (apply ? PlanState::applying : PlanState::cancelled)) {
        outcome.kind = OutcomeKind::already_so;
    } else {
        refuse(outcome, Slug::state_conflict, Fault::state_conflict,
               compose("the plan is ", to_string(state)));
    }
}

}  // namespace ballast::controller
