// Carrying plans out: a move begins when the hosts are free for it, and is skipped when it has become
// impossible.
#include "controller/core/step.hpp"
#include "policy/planner/transfer.hpp"
#include "policy/rule_words.hpp"

namespace ballast::controller {
namespace {

std::size_t migration_jobs(const Tables& t) noexcept {
    std::size_t count = 0;
    for (const JobRow& job : t.jobs.rows()) {
        count += job.in_use && job.record.kind == JobKind::migrate && !job.settled() ? 1 : 0;
    }
    return count;
}

void skip(Step& step, PlanMove& move, const Detail& why) noexcept {
    move.state = MoveState::skipped;
    move.outcome = why;
    ++step.t.counters.moves_skipped;
    step.report(Severity::info, Subject::plan, "move_skipped", move.vm_name, 0, why);
}

// An earlier move of the same plan may be what makes room for this one.
bool earlier_leaves(const PlanRow& plan, std::size_t index, const HostName& host) noexcept {
    for (std::size_t i = 0; i < index; ++i) {
        const PlanMove& earlier = plan.moves[i];
        if (earlier.from == host &&
            (earlier.state == MoveState::pending || earlier.state == MoveState::running)) {
            return true;
        }
    }
    return false;
}

// What balancing began within the hours in which guests may be moved does not go on after them; a plan that
// an operator runs does, and so does who must leave a draining host.
bool out_of_hours(const Step& step, const PlanRow& plan, std::uint32_t from) noexcept {
    policy::Pool at;
    at.minute_of_day = minute_of_day(step.now);
    return plan.record.origin == JobOrigin::balancing && !step.t.hosts[from].record.draining &&
           policy::planner::outside_window(at, plan.record.parameters);
}

// True when the move's state changed.
bool try_move(Step& step, PlanRow& plan, std::size_t index) noexcept {
    PlanMove& move = plan.moves[index];
    const std::uint32_t vm = step.t.vm_index.find(move.vm_uuid);
    const std::uint32_t from = find_host_by_name(step.t, move.from);
    const std::uint32_t to = find_host_by_name(step.t, move.to);
    if (vm == no_row || from == no_row || to == no_row) {
        skip(step, move, "the guest or a host of this move is not known any more");
        return true;
    }
    if (out_of_hours(step, plan, from)) {
        skip(step, move, "the hours in which guests are moved ended before its turn came");
        return true;
    }
    if (const auto obstacle = move_obstacle(step, vm, from, to, Consent::policies)) {
        const bool wait =
            obstacle->passes || (obstacle->constraint == policy::Constraint::destination_memory &&
                                 earlier_leaves(plan, index, move.to));
        if (!wait) {
            skip(step, move,
                 compose(policy::rule_sentence(obstacle->constraint, obstacle->have, obstacle->limit,
                                               policy::Subject::travelling_guest),
                         "; ", move.vm_name, " is ", to_string(step.t.vms[vm].state), ", ", move.to, " is ",
                         to_string(step.t.hosts[to].state)));
        }
        return !wait;
    }
    if (migration_jobs(step.t) >= step.t.settings.migrations_max || !job_limit(step.t, from, to).empty()) {
        return false;
    }
    NewJob wanted;
    wanted.kind = JobKind::migrate;
    wanted.origin = plan.record.origin == JobOrigin::operator_request ? JobOrigin::plan : plan.record.origin;
    wanted.vm = vm;
    wanted.host = from;
    wanted.destination = to;
    wanted.expected.push(DomainState::running);
    wanted.plan_id = plan.record.id;
    wanted.move = static_cast<std::uint32_t>(index);
    const JobMade made = make_job(step, wanted);
    if (made.job == no_row) {
        return false;
    }
    move.state = MoveState::running;
    move.job_id = step.t.jobs[made.job].record.id;
    return true;
}

void finish_when_over(Step& step, PlanRow& plan) noexcept {
    std::size_t done = 0;
    std::size_t succeeded = 0;
    for (const PlanMove& move : plan.moves.first(plan.record.moves)) {
        done += move.state != MoveState::pending && move.state != MoveState::running ? 1 : 0;
        succeeded += move.state == MoveState::succeeded ? 1 : 0;
    }
    if (done == plan.record.moves && plan.record.state == PlanState::applying) {
        plan.record.state = PlanState::done;
        plan.record.ended = step.now.wall;
        if (succeeded > 0) {
            open_prediction(step.t, step.now, plan);
        }
        step.report(Severity::info, Subject::plan, "plan_done", plan.record.source, plan.record.id,
                    compose(succeeded, " of ", plan.record.moves, " moves succeeded"));
    }
}

void run_plan(Step& step, std::uint32_t row) noexcept {
    PlanRow& plan = step.t.plans[row];
    bool changed = false;
    for (std::size_t index = 0; index < plan.record.moves; ++index) {
        if (plan.moves[index].state == MoveState::pending) {
            changed = try_move(step, plan, index) || changed;
        }
    }
    const PlanState before = plan.record.state;
    finish_when_over(step, plan);
    if (changed || plan.record.state != before) {
        step.out.add(PersistPlan{row});
    }
}

MoveState move_state(JobState state) noexcept {
    switch (state) {
        case JobState::succeeded: return MoveState::succeeded;
        case JobState::cancelled: return MoveState::cancelled;
        case JobState::failed: return MoveState::failed;
        case JobState::queued:
        case JobState::running: break;
    }
    return MoveState::running;
}

}  // namespace

void run_plans(Step& step) noexcept {
    // By age, so that an earlier plan is served first.
    std::uint64_t last_id = 0;
    for (;;) {
        std::uint32_t next = no_row;
        for (std::uint32_t row = 0; row < step.t.plans.rows().size(); ++row) {
            const PlanRow& plan = step.t.plans[row];
            const bool waiting =
                plan.in_use && plan.record.state == PlanState::applying && plan.record.id > last_id;
            if (waiting && (next == no_row || plan.record.id < step.t.plans[next].record.id)) {
                next = row;
            }
        }
        if (next == no_row) {
            return;
        }
        last_id = step.t.plans[next].record.id;
        run_plan(step, next);
    }
}

void move_ended(Step& step, const JobRow& job) noexcept {
    const std::uint32_t row = job.record.plan_id == 0 ? no_row : find_plan_row(step.t, job.record.plan_id);
    if (row == no_row) {
        return;
    }
    PlanRow& plan = step.t.plans[row];
    for (PlanMove& move : plan.moves.first(plan.record.moves)) {
        if (move.job_id == job.record.id) {
            move.state = move_state(job.record.state);
            move.outcome = job.record.detail;
            take_times(move, job.record);
            count_move(step.t, move);
        }
    }
    finish_when_over(step, plan);
    step.out.add(PersistPlan{row});
}

}  // namespace ballast::controller
