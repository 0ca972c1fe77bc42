// Plans: computed by a policy, kept with their reasons, started and ended.
#include <algorithm>

#include "controller/core/step.hpp"
#include "policy/planner/transfer.hpp"
#include "policy/policy.hpp"

namespace ballast::controller {
namespace {

HostName host_name(const Tables& t, std::uint32_t host) noexcept {
    return host == policy::no_index ? HostName{} : t.hosts[host].record.name;
}
Name vm_name(const Tables& t, std::uint32_t vm) noexcept {
    return vm == policy::no_index ? Name{} : t.vms[vm].record.name;
}

// One guest's part of a move. In a swap its counterpart is the guest that the swap is for; that one's is the
// first of those that come back.
PlanMove keep_leg(const Tables& t, const policy::Parameters& parameters, const policy::Move& move,
                  const policy::Leg& leg) noexcept {
    PlanMove kept;
    kept.kind = move.kind;
    kept.vm_uuid = t.vms[leg.vm].record.uuid;
    kept.vm_name = vm_name(t, leg.vm);
    kept.from = host_name(t, leg.from);
    kept.to = host_name(t, leg.to);
    if (move.with != policy::no_index) {
        const policy::VmIndex other = leg.vm == move.vm ? move.with : move.vm;
        kept.with_uuid = t.vms[other].record.uuid;
        kept.with_name = vm_name(t, other);
    }
    kept.memory_mib = t.vms[leg.vm].memory_mib;
    kept.vm_cpu_cores = t.workspace.vm_mean[leg.vm][policy::Resource::cpu];
    kept.why = move.why;
    const policy::Pool pool{t.model_hosts, t.model_vms};
    const auto transfer = policy::planner::estimate_transfer(pool.vms[leg.vm], pool, parameters);
    kept.expected_seconds = transfer.seconds;
    kept.expected_downtime_seconds = transfer.downtime_seconds;
    return kept;
}

// In the order in which memory allows it. A swap that does not fit the row whole is left out whole.
void keep_moves(const Tables& t, std::span<const policy::Move> moves, PlanRow& row) noexcept {
    for (const policy::Move& move : moves) {
        const policy::Legs legs = policy::legs(move);
        if (row.record.moves + legs.size() > row.moves.size()) {
            return;
        }
        for (const policy::Leg& leg : legs) {
            row.moves[row.record.moves++] = keep_leg(t, row.record.parameters, move, leg);
        }
    }
}

// The oldest plan that is not being carried out makes room.
std::uint32_t add_plan_row(Step& step) noexcept {
    if (step.t.plans.used() == step.t.plans.limit()) {
        std::uint32_t oldest = no_row;
        for (std::uint32_t plan = 0; plan < step.t.plans.rows().size(); ++plan) {
            const PlanRecord& record = step.t.plans[plan].record;
            if (record.state != PlanState::applying &&
                (oldest == no_row || record.id < step.t.plans[oldest].record.id)) {
                oldest = plan;
            }
        }
        if (oldest != no_row) {
            step.out.add(ForgetPlan{step.t.plans[oldest].record.id});
            step.t.plans.remove(oldest);
        }
    }
    return step.t.add_plan();
}

}  // namespace

PoolSpread keep_spread(const policy::PoolLoad& load) noexcept {
    return {load.cpu_stddev, load.memory_stddev, load.net_stddev, load.disk_stddev, load.memory_used_stddev};
}

Round compute_plan(Step& step, const policy::Policy& policy, const policy::Parameters& asked) noexcept {
    const std::uint32_t ms = asked.time_budget_ms;
    Round round{policy, asked, {}};
    round.parameters.time_budget_ms = ms == 0 ? search_ms_max : std::min(ms, search_ms_max);
    const policy::Pool pool = build_model(step.t, step.now);
    ++step.t.counters.planning_rounds;
    const Status computed = policy::plan(policy, pool, round.parameters, step.t.workspace, step.t.plan);
    BALLAST_ASSERT(computed.ok());
    round.search = {ms, round.parameters.time_budget_ms, step.t.plan.search};
    return round;
}

void fill_plan(const Tables& t, const Now& now, JobOrigin origin, const Round& round, PlanRow& row) noexcept {
    const policy::Plan& plan = t.plan;
    PlanRecord& record = row.record;
    record = PlanRecord{};
    record.origin = origin;
    record.policy = round.policy.name;
    record.parameters = round.parameters;
    record.search = round.search;
    record.source = host_name(t, plan.source);
    record.created = now.wall;
    record.conclusion = plan.conclusion;
    keep_moves(t, plan.moves.items(), row);
    for (const policy::Rejection& rejection : plan.rejected.items()) {
        row.rejected[record.rejected++] = {vm_name(t, rejection.vm), host_name(t, rejection.to),
                                           rejection.constraint, rejection.have, rejection.limit};
    }
    record.rejected_left_out = static_cast<std::uint32_t>(plan.rejected.left_out());
    for (std::uint32_t host = 0; host < t.hosts.rows().size(); ++host) {
        if (t.hosts[host].in_use) {
            bool unresolved = false;
            for (const policy::HostIndex over : plan.unresolved.items()) {
                unresolved = unresolved || over == host;
            }
            row.hosts[record.hosts++] = {host_name(t, host), plan.before.hosts[host], plan.after.hosts[host],
                                         unresolved};
        }
    }
    row.by_rule = {plan.vms_by_rule, plan.hosts_by_rule};
    record.before = keep_spread(plan.before);
    record.after = keep_spread(plan.after);
}

std::uint32_t keep_plan(Step& step, JobOrigin origin, const Round& round) noexcept {
    const std::uint32_t row = add_plan_row(step);
    if (row == no_row) {
        return no_row;
    }
    PlanRow& plan = step.t.plans[row];
    fill_plan(step.t, step.now, origin, round, plan);
    plan.record.id = step.t.identity.next_plan_id++;
    step.t.counters.moves_planned += plan.record.moves;
    step.out.add(PersistPlan{row});
    return row;
}

void start_plan(Step& step, std::uint32_t row) noexcept {
    PlanRow& plan = step.t.plans[row];
    plan.record.state = PlanState::applying;
    step.out.add(PersistPlan{row});
    step.report(Severity::info, Subject::plan, "plan_begun", plan.record.source, plan.record.id,
                compose(plan.record.policy, ": ", plan.record.moves, " moves"));
    run_plans(step);
}

// What is under way goes on: its end is told by its job.
void cancel_plan(Step& step, std::uint32_t row) noexcept {
    PlanRow& plan = step.t.plans[row];
    for (PlanMove& move : plan.moves.first(plan.record.moves)) {
        if (move.state == MoveState::pending) {
            move.state = MoveState::cancelled;
            move.outcome = "the plan was cancelled";
        }
    }
    plan.record.state = PlanState::cancelled;
    plan.record.ended = step.now.wall;
    step.out.add(PersistPlan{row});
    step.report(Severity::info, Subject::plan, "plan_cancelled", plan.record.source, plan.record.id, {});
}

std::uint32_t find_plan_row(const Tables& t, std::uint64_t id) noexcept {
    return t.plans.find([id](const PlanRow& plan) { return plan.record.id == id; });
}

}  // namespace ballast::controller
