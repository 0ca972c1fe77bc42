// What operators ask the core for, and how its answer is told: as an object, a job, a plan or a problem.
#include "controller/http/api.hpp"
#include "controller/http/digest.hpp"
#include "controller/http/forms.hpp"
#include "controller/http/handlers.hpp"
#include "controller/http/pool_tag.hpp"
#include "shell/loop.hpp"

namespace ballast::controller::http {

namespace {

// Which of the HTTP slugs says the core's.
Slug to_http(controller::Slug slug) noexcept {
    switch (slug) {
        case controller::Slug::none: return Slug::internal;
        case controller::Slug::invalid_request: return Slug::invalid_request;
        case controller::Slug::validation_failed: return Slug::validation_failed;
        case controller::Slug::not_found: return Slug::not_found;
        case controller::Slug::state_conflict: return Slug::state_conflict;
        case controller::Slug::idempotency_key_reused: return Slug::idempotency_key_reused;
        case controller::Slug::limit_reached: return Slug::limit_reached;
        case controller::Slug::host_unreachable: return Slug::host_unreachable;
        case controller::Slug::no_capacity: return Slug::no_capacity;
        case controller::Slug::precondition_failed: return Slug::precondition_failed;
    }
    return Slug::internal;
}

}  // namespace

Answer Api::run(const Call& call, Command& command) {
    const Request& request = call.request;
    command.kind = call.operation.command;
    command.dry_run = asks_dry_run(request);
    if (!request.idempotency_key.empty() && !command.dry_run) {
        command.idempotency_key = digest(std::string{to_string(request.caller.role)} + '\n' +
                                         request.caller.user + '\n' + request.idempotency_key);
        command.idempotency_body = digest(request.method_text + '\n' + request.path + '\n' + request.body);
    }
    note_ = std::string{to_string(command.kind)};
    for (const std::string_view word : {command.user.view(), command.target.view()}) {
        note_ += word.empty() ? "" : " " + std::string{word};
    }
    const std::string entity_tag = tag_addressed(command);
    switch (entity_tag.empty() ? Precondition::holds : judge_if_match(request.if_match, entity_tag)) {
        case Precondition::holds: break;
        case Precondition::fails: command.precondition_failed = true; break;
        case Precondition::malformed:
            return refuse(request, {.slug = Slug::invalid_request,
                                    .detail = "If-Match: expected entity tags as GET gives them in ETag"});
    }
    const Outcome* outcome = engine_.run(command);
    if (outcome == nullptr) {
        return refuse_store(request);
    }
    if (outcome->kind == OutcomeKind::problem) {
        Problem problem = problem_of(*outcome);
        problem.entity_tag = problem.slug == Slug::precondition_failed ? entity_tag : std::string{};
        return refuse(request, std::move(problem));
    }
    if (outcome->replayed) {
        return succeed(call, addressed_again(command, *outcome));
    }
    return outcome->dry_run ? Answer{dry_run_reply(call, *outcome)} : succeed(call, *outcome);
}

const Outcome* Api::consider(Command& command) {
    command.dry_run = true;
    return engine_.run(command);
}

Reply Api::refuse_outcome(const Request& request, const Outcome* outcome) {
    return outcome != nullptr ? refuse(request, problem_of(*outcome)) : refuse_store(request);
}

// Of the pool that the command changes; empty when it changes none that exists.
std::string Api::tag_addressed(const Command& command) const {
    if (command.kind < CommandKind::pool_create || command.kind > CommandKind::pool_delete) {
        return {};
    }
    const std::uint32_t row = core().find_desktop_pool(command.target.view());
    return row != no_row ? pool_tag(core(), core().desktop_pool(row).record) : std::string{};
}

// What the first effect was about, which its record does not name: the same request names it again.
Outcome Api::addressed_again(const Command& command, Outcome outcome) const {
    if (command.pool != nullptr) {
        outcome.pool = command.pool->name;
    } else if (command.kind >= CommandKind::pool_create && command.kind <= CommandKind::pool_delete) {
        outcome.pool = Name{command.target.view()};
    } else if (command.kind == CommandKind::private_put || command.kind == CommandKind::private_delete) {
        outcome.user = command.user;
    } else if (command.kind >= CommandKind::host_cordon && command.kind <= CommandKind::host_forget) {
        const std::uint32_t host = core().find_host(command.target.view());
        outcome.host = host != no_row ? core().host(host).record.name : HostName{};
    } else if (const std::uint32_t vm = core().find_vm(command.target.view()); vm != no_row) {
        outcome.vm_uuid = core().vm(vm).record.uuid;
    }
    return outcome;
}

Answer Api::succeed(const Call& call, const Outcome& outcome) {
    const Request& request = call.request;
    const Duration wait = wait_asked(request);
    const bool about_plan = outcome.plan_id != 0;
    const bool waits_for_plan = about_plan && call.operation.command != CommandKind::plan_create;
    if (outcome.session_id != 0) {
        const unsigned status = outcome.kind == OutcomeKind::session ? 201 : 200;
        const Wait pending{0, 0, mono_now() + wait, outcome.replayed, outcome.session_id, status};
        return over(pending) ? Answer{conclude(request, pending)} : Answer{pending};
    }
    if (wait.ms > 0 && (outcome.kind == OutcomeKind::accepted || waits_for_plan)) {
        const Wait pending{outcome.job_id, outcome.plan_id, mono_now() + wait, outcome.replayed};
        if (!over(pending)) {
            return pending;
        }
        return conclude(request, pending);
    }
    Reply reply;
    if (outcome.kind == OutcomeKind::accepted) {
        reply = job_reply(request, outcome.job_id, 202);
    } else if (about_plan) {
        const std::uint32_t plan = core().find_plan(outcome.plan_id);
        const unsigned status = outcome.kind == OutcomeKind::already_so ? 200 : waits_for_plan ? 202 : 201;
        reply = plan == no_row
                    ? refuse(request, {.slug = Slug::not_found, .detail = "the plan is gone again"})
                    : plan_reply(request, core().plan(plan), status);
        reply.headers.emplace_back("Location", "/v1/plans/" + std::to_string(outcome.plan_id));
    } else {
        reply = object_of(call, outcome);
    }
    if (outcome.replayed) {
        reply.headers.emplace_back("Idempotency-Replayed", "true");
    }
    return reply;
}

// What was changed at once, as it is now; no content when it is gone.
Reply Api::object_of(const Call& call, const Outcome& outcome) {
    const Request& request = call.request;
    if (outcome.job_id != 0) {
        return job_reply(request, outcome.job_id, 200);
    }
    if (!outcome.vm_uuid.nil()) {
        const std::uint32_t vm = core().find_vm(to_text(outcome.vm_uuid).view());
        return vm != no_row ? vm_reply(request, vm) : Reply{.status = 204};
    }
    if (!outcome.pool.empty()) {
        const std::uint32_t pool = core().find_desktop_pool(outcome.pool.view());
        const bool made =
            call.operation.command == CommandKind::pool_create && outcome.kind == OutcomeKind::changed;
        return pool != no_row
                   ? with_pool_tag(core(), outcome.pool.view(),
                                   object_reply(request, pool_form(core()), pool, made ? 201 : 200))
                   : Reply{.status = 204};
    }
    if (!outcome.user.empty()) {
        const std::uint32_t desktop = core().find_private_desktop(outcome.user.view());
        const unsigned status = outcome.kind == OutcomeKind::changed ? 201 : 200;
        return desktop != no_row ? object_reply(request, private_desktop_form(core()), desktop, status)
                                 : Reply{.status = 204};
    }
    const std::uint32_t host = core().find_host(outcome.host.view());
    return host != no_row ? host_reply(request, host) : Reply{.status = 204};
}

Reply Api::dry_run_reply(const Call& call, const Outcome& outcome) {
    if (outcome.kind == OutcomeKind::plan) {
        return plan_reply(
            call.request,
            outcome.plan_id == 0 ? core().dry_plan() : core().plan(core().find_plan(outcome.plan_id)), 200);
    }
    Reply reply;
    JsonOut json{reply.body, reply_bytes_max};
    json.object();
    json.member("dry_run", true);
    json.member("action", to_string(call.operation.command));
    json.member("decision", outcome.kind == OutcomeKind::session      ? "granted"
                            : outcome.kind == OutcomeKind::accepted   ? "accepted"
                            : outcome.kind == OutcomeKind::already_so ? "already_so"
                                                                      : "changed");
    if (!outcome.vm_uuid.nil()) {
        json.member("vm_uuid", outcome.vm_uuid);
    }
    if (!outcome.host.empty()) {
        json.member("host", outcome.host.view());
    }
    if (outcome.session_id != 0) {
        json.member("session", outcome.session_id);
    }
    json.member("detail", outcome.detail.view());
    if (call.operation.command == CommandKind::vm_migrate && core().last_ranking().vm != no_row) {
        json.key("destinations");
        render_destinations(json, core().last_ranking().destinations);
    }
    render_reasons(json, outcome);
    json.end_object();
    json.next_document();
    return reply;
}

Problem Api::problem_of(const Outcome& outcome) {
    Problem problem;
    problem.slug = to_http(outcome.slug);
    problem.detail = outcome.detail.view();
    problem.fault = outcome.fault;
    problem.limit = outcome.limit_name.view();
    problem.retry_after_seconds = outcome.retry_after_seconds;
    if (problem.slug == Slug::validation_failed) {
        problem.errors.push_back({std::string{outcome.pointer.view()}, std::string{outcome.detail.view()}});
    }
    for (const CommandKind action : outcome.allowed_actions) {
        problem.allowed_actions.emplace_back(to_string(action));
    }
    for (const Reason& reason : outcome.reasons) {
        problem.reasons.push_back(
            {std::string{reason.candidate.view()}, std::string{reason.constraint}, reason.have, reason.need});
    }
    for (const Help& help : outcome.would_help) {
        problem.would_help.push_back({std::string{help.change.view()}, std::string{help.effect.view()}});
    }
    return problem;
}

}  // namespace ballast::controller::http
