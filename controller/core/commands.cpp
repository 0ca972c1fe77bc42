// Commands of operators: looked up, checked, carried out, remembered, answered.
#include "controller/core/desktop/parts.hpp"

namespace ballast::controller {
namespace {

bool about_host(CommandKind kind) noexcept {
    return kind >= CommandKind::host_cordon && kind <= CommandKind::host_forget;
}
bool about_plan(CommandKind kind) noexcept {
    return kind == CommandKind::plan_create || kind == CommandKind::plan_apply ||
           kind == CommandKind::plan_cancel || kind == CommandKind::rebalance;
}
bool about_pool(CommandKind kind) noexcept {
    return kind >= CommandKind::pool_create && kind <= CommandKind::pool_delete;
}

void job_cancel(Step& step, const Command& command, Outcome& outcome) noexcept {
    const std::uint32_t row = find_job_row(step.t, command.id);
    if (row == no_row) {
        refuse(outcome, Slug::not_found, Fault::not_found, compose("no job ", command.id));
        return;
    }
    const JobRow& job = step.t.jobs[row];
    outcome.job_id = job.record.id;
    if (ended(job.record.state) || job.record.cancel_asked) {
        outcome.kind = OutcomeKind::already_so;
        return;
    }
    outcome.kind = OutcomeKind::accepted;
    if (!command.dry_run) {
        cancel_job(step, row);
    }
}

void job_limit(Step& step, const Command& command, Outcome& outcome) noexcept {
    const std::uint32_t row = find_job_row(step.t, command.id);
    if (row == no_row) {
        refuse(outcome, Slug::not_found, Fault::not_found, compose("no job ", command.id));
        return;
    }
    const JobRecord& job = step.t.jobs[row].record;
    outcome.job_id = job.id;
    if (job.kind != JobKind::migrate || !job.copy_storage || ended(job.state)) {
        refuse(outcome, Slug::state_conflict, Fault::state_conflict,
               compose("only a migration with storage copy that has not ended has a limit; job ", job.id,
                       " is a ", to_string(job.kind), job.copy_storage ? " with storage copy" : "", ", ",
                       to_string(job.state)));
        return;
    }
    outcome.kind =
        job.bandwidth_mbps == command.bandwidth_mbps ? OutcomeKind::already_so : OutcomeKind::changed;
    if (outcome.kind == OutcomeKind::changed && !command.dry_run) {
        limit_job(step, row, command.bandwidth_mbps);
    }
}

// Limits that are asked for before a row is: their tables have not counted the refusal.
void count_refusal(Tables& t, std::string_view limit_name) noexcept {
    if (limit_name == "idempotency_keys") {
        t.keys.count_refusal();
    } else if (limit_name == "desktop_pools") {
        t.desktop_pools.count_refusal();
    } else if (limit_name == "sessions") {
        t.sessions.count_refusal();
    } else if (limit_name == "jobs") {
        t.jobs.count_refusal();
    } else if (limit_name == "image_sketches") {
        t.sketches.count_refusal();
    } else if (limit_name == "agent_jobs") {
        ++t.agent_jobs_refused;
    }
}

void dispatch(Step& step, const Command& command, Outcome& outcome) noexcept {
    if (command.kind == CommandKind::none) {
        refuse(outcome, Slug::invalid_request, Fault::invalid_argument, "no such action");
    } else if (!key_fits(step.t, command)) {
        refuse_limit(outcome, "idempotency_keys");
    } else if (command.kind == CommandKind::job_cancel) {
        job_cancel(step, command, outcome);
    } else if (command.kind == CommandKind::job_limit) {
        job_limit(step, command, outcome);
    } else if (about_host(command.kind)) {
        host_command(step, command, outcome);
    } else if (about_plan(command.kind)) {
        plan_command(step, command, outcome);
    } else if (about_pool(command.kind)) {
        pool_command(step, command, outcome);
    } else if (command.kind == CommandKind::private_put || command.kind == CommandKind::private_delete) {
        private_command(step, command, outcome);
    } else if (command.kind == CommandKind::session_open || command.kind == CommandKind::session_close) {
        session_command(step, command, outcome);
    } else if (command.kind == CommandKind::vm_create) {
        create_command(step, command, outcome);
    } else {
        vm_command(step, command, outcome);
    }
}

void refuse_changed(Outcome& outcome) noexcept {
    refuse(outcome, Slug::precondition_failed, Fault::state_conflict,
           "it has been changed since: read it again, and decide anew");
}

}  // namespace

void refuse(Outcome& outcome, Slug slug, Fault fault, const Detail& detail) noexcept {
    outcome.kind = OutcomeKind::problem;
    outcome.slug = slug;
    outcome.fault = fault;
    outcome.detail = detail;
}

void refuse_limit(Outcome& outcome, std::string_view limit_name) noexcept {
    refuse(outcome, Slug::limit_reached, Fault::limit_reached, compose("limit ", limit_name, " is reached"));
    outcome.limit_name = limit_name;
}

void accept_job(Step& step, const Command& command, const NewJob& wanted, Outcome& outcome) noexcept {
    if (const std::string_view limit = job_limit(step.t, wanted.host, wanted.destination); !limit.empty()) {
        refuse_limit(outcome, limit);
        return;
    }
    outcome.kind = OutcomeKind::accepted;
    outcome.host = step.t.hosts[wanted.destination == no_row ? wanted.host : wanted.destination].record.name;
    if (!command.dry_run) {
        outcome.job_id = step.t.jobs[make_job(step, wanted).job].record.id;
    }
}

void on_command(Step& step, const Command& command) noexcept {
    Outcome& outcome = step.out.outcome;
    outcome.dry_run = command.dry_run;
    step.t.ranking = {};
    // The key's record stands with the command's other records before everything that tells anybody: a
    // request whose order went out is remembered.
    if (!replay(step, command, outcome)) {
        command.precondition_failed ? refuse_changed(outcome) : dispatch(step, command, outcome);
        remember(step, command, outcome);
    }
    if (outcome.kind == OutcomeKind::problem) {
        count_refusal(step.t, outcome.limit_name);
        ++step.t.counters.problems[static_cast<std::size_t>(outcome.slug)];
    }
    step.out.add(Reply{command.command_id});
}

}  // namespace ballast::controller
