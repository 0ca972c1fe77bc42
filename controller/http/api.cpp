#include "controller/http/api.hpp"

#include <charconv>

#include "controller/http/feed/event_stream.hpp"
#include "controller/http/forms.hpp"
#include "controller/http/handlers.hpp"
#include "controller/http/json_out.hpp"
#include "controller/http/server.hpp"
#include "shell/loop.hpp"

namespace ballast::controller::http {

namespace {

std::optional<std::int64_t> parse_integer(std::string_view text) noexcept {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc{} && end == text.data() + text.size() ? std::optional{value} : std::nullopt;
}

std::optional<Problem> check_parameters(const Call& call) {
    for (const auto& [name, value] : call.request.query) {
        if (!lists(call.operation.parameters, name)) {
            return Problem{
                .slug = Slug::invalid_request,
                .detail =
                    "unknown query parameter \"" + name + "\"; known here: " +
                    (call.operation.parameters.empty() ? "none" : std::string{call.operation.parameters})};
        }
    }
    if (const std::string* wait = call.request.parameter("wait"); wait != nullptr) {
        const std::optional<std::int64_t> asked = parse_integer(*wait);
        if (!asked.has_value() || *asked < 0 || *asked > wait_seconds_max) {
            return Problem{.slug = Slug::invalid_request,
                           .detail = "wait: expected an integer from 0 to " +
                                     std::to_string(wait_seconds_max) + " (seconds)"};
        }
    }
    if (const std::string* dry_run = call.request.parameter("dry_run");
        dry_run != nullptr && *dry_run != "true" && *dry_run != "false") {
        return Problem{.slug = Slug::invalid_request, .detail = "dry_run: expected true or false"};
    }
    return std::nullopt;
}

}  // namespace

bool asks_dry_run(const Request& request) noexcept {
    const std::string* text = request.parameter("dry_run");
    return text != nullptr && *text == "true";
}

Caller Api::authenticate(const Credentials& credentials) {
    return gate_.judge(credentials, now());
}

Answer Api::perform(const Request& request, Match&& found) {
    if (found.operation == nullptr) {
        Problem problem;
        if (!found.other_methods.empty()) {
            problem.slug = Slug::method_not_allowed;
            problem.detail = request.path + " has " + found.other_methods;
            problem.allowed_methods = found.other_methods;
        } else {
            problem.slug = Slug::not_found;
            problem.detail = "no resource " + request.path;
        }
        return refuse(request, std::move(problem));
    }
    const Call call{*found.operation, request, found.id};
    if (std::optional<Problem> problem = check(call); problem.has_value()) {
        return refuse(request, std::move(*problem));
    }
    if (std::optional<Problem> problem = check_record(call); problem.has_value()) {
        return refuse(request, std::move(*problem));
    }
    return call.operation.handler(*this, call);
}

std::optional<Problem> Api::check(const Call& call) {
    const Caller& caller = call.request.caller;
    if (!allows(call.operation, caller.role)) {
        if (caller.role == Role::none) {
            return Problem{
                .slug = Slug::unauthenticated,
                .detail = caller.refusal.empty() ? "send Authorization: Bearer TOKEN" : caller.refusal};
        }
        return Problem{.slug = Slug::forbidden,
                       .detail = "needs the role " + std::string{to_string(call.operation.role)} + ", " +
                                 caller.name + " has " + std::string{to_string(caller.role)}};
    }
    return check_parameters(call);
}

Duration Api::wait_asked(const Request& request) {
    const std::string* text = request.parameter("wait");
    return text != nullptr ? seconds(parse_integer(*text).value_or(0)) : Duration{};
}

Reply Api::refuse(const Request& request, Problem problem) {
    ++refused_;
    return to_reply(problem, request.id);
}

Reply Api::refuse_store(const Request& request) {
    return refuse(request, {.slug = Slug::no_capacity,
                            .detail = "the store cannot be written, so that nothing can be changed: " +
                                      engine_.trouble(),
                            .fault = Fault::io_failed,
                            .retry_after_seconds = 10});
}

Reply Api::refuse_body(const Request& request, const JsonBody& body) {
    if (!body.parsed()) {
        return refuse(request, {.slug = Slug::invalid_request, .detail = "the body: " + body.syntax_error()});
    }
    return refuse(request, {.slug = Slug::validation_failed, .errors = body.errors()});
}

Reply Api::not_found(const Call& call, std::string_view what) {
    return refuse(call.request,
                  {.slug = Slug::not_found, .detail = "no " + std::string{what} + " \"" + call.id + "\""});
}

// ---- waiting ----

bool Api::over(const Wait& wait) {
    if (mono_now() >= wait.until) {
        return true;
    }
    if (wait.for_events) {
        const Feed& feed = *surroundings_.feed;
        return !feed.ring().reaches(wait.since) ||
               feed.next_match(wait.since + 1, wait.filter) <= feed.ring().newest();
    }
    if (wait.session_id != 0) {
        const std::uint32_t session = core().find_session(wait.session_id);
        return session == no_row || core().session(session).record.state == SessionState::open ||
               core().session(session).record.state == SessionState::closed;
    }
    if (wait.job_id != 0) {
        const std::uint32_t job = core().find_job(wait.job_id);
        return job == no_row || ended(core().job(job).record.state);
    }
    const std::uint32_t plan = core().find_plan(wait.plan_id);
    return plan == no_row || core().plan(plan).record.state >= PlanState::done;
}

Reply Api::conclude(const Request& request, const Wait& wait) {
    if (wait.for_events) {
        return conclude_events(*this, request, wait);
    }
    Reply reply;
    if (wait.session_id != 0) {
        reply = session_reply(request, wait.session_id, wait.status);
    } else if (wait.job_id != 0) {
        reply = job_reply(request, wait.job_id, 202);
    } else if (const std::uint32_t plan = core().find_plan(wait.plan_id); plan != no_row) {
        const PlanView view = core().plan(plan);
        reply = plan_reply(request, view, view.record.state >= PlanState::done ? 200 : 202);
        reply.headers.emplace_back("Location", "/v1/plans/" + std::to_string(wait.plan_id));
    } else {
        reply = refuse(request, {.slug = Slug::not_found, .detail = "the plan is gone again"});
    }
    if (wait.replayed) {
        reply.headers.emplace_back("Idempotency-Replayed", "true");
    }
    return reply;
}

// ---- events ----

bool Api::admit_reader() {
    const bool admitted = surroundings_.server->counters().readers_now < surroundings_.feed->limits().readers;
    readers_refused_ += admitted ? 0 : 1;
    return admitted;
}

Reading Api::read(Stream& stream, std::span<char> out, std::size_t& bytes) {
    return read_stream(*surroundings_.feed, stream, out, bytes, mono_now());
}

// ---- representations ----

// A job that has ended in failure is a problem to whoever waited for its success; to others (GET) it is a
// job.
Reply Api::job_reply(const Request& request, std::uint64_t job_id, unsigned status) {
    const std::uint32_t row = core().find_job(job_id);
    if (row == no_row) {
        return refuse(
            request, {.slug = Slug::not_found, .detail = "job " + std::to_string(job_id) + " is gone again"});
    }
    const JobRecord& record = core().job(row).record;
    if (request.method != Method::get &&
        (record.state == JobState::failed || record.state == JobState::cancelled)) {
        Problem problem;
        problem.slug = record.state == JobState::cancelled ? Slug::state_conflict : slug_of(record.fault);
        problem.detail = "job " + std::to_string(job_id) + " " + std::string{to_string(record.state)} + ": " +
                         std::string{record.detail.empty() ? describe(record.fault) : record.detail.view()};
        problem.fault = record.fault;
        problem.job_id = job_id;
        const std::uint32_t vm = core().find_vm(to_text(record.vm_uuid).view());
        if (vm != no_row) {
            for (const CommandKind action : core().allowed_actions(vm)) {
                problem.allowed_actions.emplace_back(to_string(action));
            }
        }
        return refuse(request, std::move(problem));
    }
    const unsigned really = record.state == JobState::succeeded ? 200 : status;
    Reply reply = object_reply(request, job_form(core()), row, really);
    reply.headers.emplace_back("Location", "/v1/jobs/" + std::to_string(job_id));
    return reply;
}

Reply Api::session_reply(const Request& request, std::uint64_t session_id, unsigned status) {
    const std::uint32_t row = core().find_session(session_id);
    if (row == no_row) {
        return refuse(request, {.slug = Slug::not_found,
                                .detail = "session " + std::to_string(session_id) + " is gone again"});
    }
    const SessionRecord& record = core().session(row).record;
    const bool never_open = record.opened.unix_ms == 0 && record.ended.unix_ms != 0;
    if (request.method == Method::post && never_open) {
        return refuse(request, {.slug = Slug::no_capacity,
                                .detail = "session " + std::to_string(session_id) + " could not be opened (" +
                                          std::string{to_string(record.ended_by)} +
                                          "): " + std::string{record.detail.view()},
                                .retry_after_seconds = 5});
    }
    Reply reply = object_reply(request, session_form(core()), row, status);
    reply.headers.emplace_back("Location", "/v1/sessions/" + std::to_string(session_id));
    return reply;
}

Reply Api::plan_reply(const Request& request, const PlanView& plan, unsigned status) {
    return plan_object_reply(request, plan, status);
}
Reply Api::host_reply(const Request& request, std::uint32_t host) {
    return object_reply(request, host_form(core()), host);
}
Reply Api::vm_reply(const Request& request, std::uint32_t vm) {
    return object_reply(request, vm_form(core()), vm);
}

}  // namespace ballast::controller::http
