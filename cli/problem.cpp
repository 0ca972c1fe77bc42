#include "cli/problem.hpp"

#include <algorithm>

#include "cli/table.hpp"

namespace ballast::cli {

namespace {

std::string slug_of(Json problem) {
    const std::string_view type = problem.at("type").text();
    return std::string{type.substr(type.rfind('/') + 1)};
}

Exit exit_for_status(long status) {
    switch (status) {
        case 400:
        case 413:
        case 414:
        case 422:
        case 431: return Exit::usage;
        case 401:
        case 403: return Exit::not_allowed;
        case 404:
        case 410: return Exit::not_found;
        case 409:
        case 412: return Exit::conflict;
        case 429:
        case 503: return Exit::no_capacity;
        case 502: return Exit::unreachable;
        case 504: return Exit::timeout;
        default: return status >= 200 && status < 300 ? Exit::ok : Exit::failed;
    }
}

void add_reasons(std::string& out, Json problem) {
    problem.at("errors").each_item(
        [&](Json error) { out += "\n  " + error.at("pointer").plain() + ": " + error.at("detail").plain(); });
    problem.at("reasons").each_item(
        [&](Json reason) { out += "\n  " + reason.at("candidate").plain() + ": " + reason_text(reason); });
    problem.at("would_help").each_item([&](Json help) {
        out += "\n  would help: " + help.at("change").plain() + ": " + help.at("effect").plain();
    });
    if (problem.at("allowed_actions").size() > 0) {
        out += "\n  possible now: " + problem.at("allowed_actions").plain();
    }
}

}  // namespace

Exit exit_for(const HttpResponse& response) {
    if (response.status == 0) {
        return Exit::unreachable;
    }
    if (response.status == 422) {
        const JsonText body{response.body};
        return slug_of(body.root()) == "idempotency-key-reused" ? Exit::conflict : Exit::usage;
    }
    return exit_for_status(response.status);
}

std::string have_and_need(Json reason) {
    const Json have = reason.at("have");
    const Json need = reason.at("need");
    return "has " + have.plain() + (have.number() > need.number() ? ", at most " : ", needs ") + need.plain();
}

std::string reason_text(Json reason) {
    if (reason.at("why").is_text()) {
        return reason.at("why").plain();
    }
    std::string words = reason.at("constraint").plain();
    std::replace(words.begin(), words.end(), '_', ' ');
    return words + " (" + have_and_need(reason) + ")";
}

std::string explain_problem(const HttpResponse& response) {
    if (response.status == 0) {
        return printable(response.failure);
    }
    const JsonText body{response.body};
    const Json problem = body.root();
    if (!problem.at("type").is_text()) {
        return "the answer was " + std::to_string(response.status) + " and not from a Ballast controller";
    }
    std::string out = slug_of(problem);
    const std::string_view sentence =
        problem.at("detail").text().empty() ? problem.at("title").text() : problem.at("detail").text();
    out += ": " + std::string{sentence};
    add_reasons(out, problem);
    if (response.status >= 500 && problem.at("request_id").is_text()) {
        out += "\n  request " + problem.at("request_id").plain() + " in the controller's log";
    }
    std::string lines;
    for (std::size_t at = 0; at < out.size();) {
        const std::size_t end = std::min(out.find('\n', at), out.size());
        lines += (lines.empty() ? "" : "\n") + printable(std::string_view{out}.substr(at, end - at));
        at = end + 1;
    }
    return lines;
}

}  // namespace ballast::cli
