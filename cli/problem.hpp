// Refusals of the controller (application/problem+json) for people and for scripts.
#pragma once

#include <string>
#include <string_view>

#include "cli/exit_codes.hpp"
#include "cli/http_client.hpp"
#include "cli/json.hpp"

namespace ballast::cli {

// How the program ends when the answer is this one.
Exit exit_for(const HttpResponse& response);

// What there is of something, and how much is needed of it or may be: "has 100, needs 512".
std::string have_and_need(Json reason);

// Why a candidate was turned down: the controller's sentence, or the constraint's word and its figures.
std::string reason_text(Json reason);

// What happened, in lines: the sentence, each reason, what would help, what is allowed now.
std::string explain_problem(const HttpResponse& response);

}  // namespace ballast::cli
