// What is kept of every request: counts, and of changes and refusals a line in the audit log.
#include <chrono>

#include "controller/http/api.hpp"
#include "controller/http/assets.hpp"
#include "shell/loop.hpp"

namespace ballast::controller::http {

Api::Api(Engine& engine, Tokens& tokens, Gate& gate, AuditLog& audit)
    : engine_{engine}, tokens_{tokens}, gate_{gate}, audit_{audit}, answers_(operations().size()) {
    gate_.on_failed_login([this](const Credentials& credentials, const Caller& caller) {
        audit_.append({.at = wall_now(),
                       .caller = caller,
                       .address = credentials.address,
                       .request_id = {},
                       .method = {},
                       .path = {},
                       .about = caller.refusal,
                       .status = facts(Slug::unauthenticated).status});
    });
}

Answer Api::handle(const Request& request) {
    note_.clear();
    unrecordable_ = false;
    if (std::optional<Reply> asset = asset_reply(request); asset.has_value()) {
        return std::move(*asset);
    }
    const auto began = std::chrono::steady_clock::now();
    Match found = match(request.method, request.path);
    const Operation* const operation = found.operation;
    Answer answer = perform(request, std::move(found));
    record(request, operation, answer);
    count(operation, answer);
    const auto took = std::chrono::steady_clock::now() - began;
    handling_took_.add_us(
        static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(took).count()));
    return answer;
}

void Api::count(const Operation* operation, const Answer& answer) {
    if (operation != nullptr) {
        const auto* reply = std::get_if<Reply>(&answer);
        const unsigned of_class = reply != nullptr ? reply->status / 100 : 0;
        ++answers_[static_cast<std::size_t>(operation - operations().data())][of_class % 6];
    }
}

// What was changed without a record would be for nobody to find.
std::optional<Problem> Api::check_record(const Call& call) {
    if (!call.operation.mutating || asks_dry_run(call.request) || audit_.trouble().empty()) {
        return std::nullopt;
    }
    unrecordable_ = true;
    return Problem{
        .slug = Slug::no_capacity,
        .detail = "the audit log cannot be written, so that nothing may be changed: " + audit_.trouble(),
        .fault = Fault::io_failed,
        .retry_after_seconds = 10};
}

// What changes something, or was refused to somebody known. Dry runs change nothing.
void Api::record(const Request& request, const Operation* operation, const Answer& answer) {
    const auto* reply = std::get_if<Reply>(&answer);
    const unsigned status = reply != nullptr ? reply->status : 202;
    const bool changes = operation != nullptr && operation->mutating && !asks_dry_run(request);
    const bool known = request.caller.role != Role::none;
    if (known && !unrecordable_ && (changes || status == facts(Slug::forbidden).status)) {
        audit_.append({.at = wall_now(),
                       .caller = request.caller,
                       .address = request.address,
                       .request_id = request.id,
                       .method = request.method_text,
                       .path = request.path,
                       .about = note_,
                       .status = status});
    }
}

}  // namespace ballast::controller::http
