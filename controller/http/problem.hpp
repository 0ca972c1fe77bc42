// Refusals, as RFC 9457 application/problem+json.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/fault.hpp"
#include "controller/http/json_body.hpp"
#include "controller/http/message.hpp"

namespace ballast::controller::http {

// The stable words that scripts may compare (`type` is "/problems/" + slug).
enum class Slug : std::uint8_t {
    invalid_request,
    unauthenticated,
    forbidden,
    not_found,
    method_not_allowed,
    state_conflict,
    events_lost,
    too_large,
    idempotency_key_reused,
    validation_failed,
    rate_limited,
    limit_reached,
    internal,
    host_unreachable,
    no_capacity,
    job_timeout,
    precondition_failed,
};

struct SlugFacts {
    std::string_view word;
    std::string_view title;
    unsigned status;
};
SlugFacts facts(Slug slug) noexcept;

// One candidate that was turned down, and by which constraint.
struct DenialReason {
    std::string candidate;
    std::string constraint;
    double have = 0;
    double need = 0;
};

class JsonOut;
// As an object; with a sentence where the constraint is a rule of balancing. The candidate is then a host, or
// a guest of a sentence that speaks of no host.
void write_reason(JsonOut& json, std::string_view candidate, std::string_view constraint, double have,
                  double need);

// What the operator could change, and what that would do.
struct Suggestion {
    std::string change;
    std::string effect;
};

struct Problem {
    Slug slug = Slug::internal;
    std::string detail{};
    unsigned status = 0;  // 0: the slug's own
    Fault fault = Fault::none;
    std::string limit{};  // limit_reached, too_large: its name
    std::vector<FieldError> errors{};
    std::vector<std::string> allowed_actions{};
    std::vector<DenialReason> reasons{};
    std::vector<Suggestion> would_help{};
    std::string allowed_methods{};     // method_not_allowed: for the Allow header
    unsigned retry_after_seconds = 0;  // 0: no Retry-After
    std::uint64_t job_id = 0;          // the job that it is about; 0: none
    std::string entity_tag{};          // precondition_failed: what it has now
    bool ends_connection = false;      // nothing that follows on it can be trusted
};

// Which slug says a fault of the core best.
Slug slug_of(Fault fault) noexcept;

Reply to_reply(const Problem& problem, std::string_view request_id);

}  // namespace ballast::controller::http
