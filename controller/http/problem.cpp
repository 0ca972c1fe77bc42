#include "controller/http/problem.hpp"

#include "controller/http/json_out.hpp"
#include "policy/rule_words.hpp"

namespace ballast::controller::http {

SlugFacts facts(Slug slug) noexcept {
    switch (slug) {
        case Slug::invalid_request: return {"invalid-request", "The request cannot be understood", 400};
        case Slug::unauthenticated: return {"unauthenticated", "A valid token is needed", 401};
        case Slug::forbidden: return {"forbidden", "The token's role does not allow this", 403};
        case Slug::not_found: return {"not-found", "No such thing", 404};
        case Slug::method_not_allowed: return {"method-not-allowed", "This path has other methods", 405};
        case Slug::state_conflict: return {"state-conflict", "Not possible in the present state", 409};
        case Slug::events_lost: return {"events-lost", "These events are no longer kept", 410};
        case Slug::too_large: return {"too-large", "The request is too large", 413};
        case Slug::idempotency_key_reused:
            return {"idempotency-key-reused", "The idempotency key was used for another request", 422};
        case Slug::validation_failed: return {"validation-failed", "The body has invalid fields", 422};
        case Slug::rate_limited: return {"rate-limited", "Too many requests", 429};
        case Slug::limit_reached: return {"limit-reached", "A configured limit is reached", 429};
        case Slug::internal: return {"internal", "The controller failed", 500};
        case Slug::host_unreachable: return {"host-unreachable", "The host does not answer", 502};
        case Slug::no_capacity: return {"no-capacity", "No room, or a limit is reached, for now", 503};
        case Slug::job_timeout: return {"job-timeout", "The job did not end in time", 504};
        case Slug::precondition_failed:
            return {"precondition-failed", "It has been changed since it was read", 412};
    }
    return {"internal", "The controller failed", 500};
}

Slug slug_of(Fault fault) noexcept {
    switch (fault) {
        case Fault::invalid_argument: return Slug::validation_failed;
        case Fault::not_found: return Slug::not_found;
        case Fault::limit_reached: return Slug::limit_reached;
        case Fault::no_memory:
        case Fault::no_disk_space: return Slug::no_capacity;
        case Fault::already_exists:
        case Fault::unsupported:
        case Fault::state_conflict:
        case Fault::guest_paused:
        case Fault::guest_unresponsive:
        case Fault::guest_crashed:
        case Fault::live_migration_unavailable:
        case Fault::domain_in_use:
        case Fault::host_draining:
        case Fault::storage_mismatch:
        case Fault::image_corrupt:
        case Fault::peer_refused:
        case Fault::version_mismatch:
        case Fault::handover_in_doubt:
        case Fault::handover_lost:
        case Fault::cancelled: return Slug::state_conflict;
        case Fault::connection_lost:
        case Fault::host_unreachable:
        case Fault::hypervisor_unavailable: return Slug::host_unreachable;
        case Fault::authentication_failed: return Slug::forbidden;
        case Fault::deadline_exceeded: return Slug::job_timeout;
        case Fault::none:
        case Fault::hypervisor_failed:
        case Fault::io_failed:
        case Fault::protocol_violation:
        case Fault::worker_died: return Slug::internal;
    }
    return Slug::internal;
}

namespace {

void write_lists(JsonOut& json, const Problem& problem) {
    if (!problem.errors.empty()) {
        json.key("errors");
        json.array();
        for (const FieldError& error : problem.errors) {
            json.object();
            json.member("pointer", std::string_view{error.pointer});
            json.member("detail", std::string_view{error.detail});
            json.end_object();
        }
        json.end_array();
    }
    if (problem.slug == Slug::state_conflict) {
        json.key("allowed_actions");
        json.array();
        for (const std::string& action : problem.allowed_actions) {
            json.text(action);
        }
        json.end_array();
    }
    if (!problem.reasons.empty()) {
        json.key("reasons");
        json.array();
        for (const DenialReason& reason : problem.reasons) {
            write_reason(json, reason.candidate, reason.constraint, reason.have, reason.need);
        }
        json.end_array();
    }
}

void write_suggestions(JsonOut& json, const Problem& problem) {
    if (problem.would_help.empty()) {
        return;
    }
    json.key("would_help");
    json.array();
    for (const Suggestion& suggestion : problem.would_help) {
        json.object();
        json.member("change", std::string_view{suggestion.change});
        json.member("effect", std::string_view{suggestion.effect});
        json.end_object();
    }
    json.end_array();
}

}  // namespace

void write_reason(JsonOut& json, std::string_view candidate, std::string_view constraint, double have,
                  double need) {
    json.object();
    json.member("candidate", candidate);
    json.member("constraint", constraint);
    json.member("have", have);
    json.member("need", need);
    if (const std::optional<policy::Constraint> rule = policy::rule_of_word(constraint)) {
        json.member("why", policy::rule_sentence(*rule, have, need, policy::Subject::host).view());
    }
    json.end_object();
}

Reply to_reply(const Problem& problem, std::string_view request_id) {
    const SlugFacts slug = facts(problem.slug);
    Reply reply;
    reply.status = problem.status != 0 ? problem.status : slug.status;
    reply.content_type = "application/problem+json";
    JsonOut json{reply.body, reply_bytes_max};
    json.object();
    json.member("type", std::string_view{"/problems/" + std::string{slug.word}});
    json.member("title", slug.title);
    json.member("status", reply.status);
    if (!problem.detail.empty()) {
        json.member("detail", std::string_view{problem.detail});
    }
    json.member("request_id", request_id);
    if (problem.fault != Fault::none) {
        json.member("fault", to_string(problem.fault));
    }
    if (!problem.limit.empty()) {
        json.member("limit", std::string_view{problem.limit});
    }
    if (problem.job_id != 0) {
        json.member("job", problem.job_id);
    }
    if (!problem.entity_tag.empty()) {
        json.member("current_tag", std::string_view{problem.entity_tag});
        reply.headers.emplace_back("ETag", problem.entity_tag);
    }
    write_lists(json, problem);
    write_suggestions(json, problem);
    json.end_object();
    reply.body += '\n';
    if (!problem.allowed_methods.empty()) {
        reply.headers.emplace_back("Allow", problem.allowed_methods);
    }
    if (problem.ends_connection) {
        reply.headers.emplace_back("Connection", "close");
    }
    if (problem.slug == Slug::unauthenticated) {
        reply.headers.emplace_back("WWW-Authenticate", "Bearer");
    }
    if (problem.retry_after_seconds != 0) {
        reply.headers.emplace_back("Retry-After", std::to_string(problem.retry_after_seconds));
    }
    return reply;
}

}  // namespace ballast::controller::http
