#include "controller/http/assets.hpp"

#include <algorithm>

#include "controller/http/web_assets.hpp"

namespace ballast::controller::http {

namespace {

// Nothing but our own files and our own endpoint, and nobody may put the page into theirs.
constexpr std::string_view content_security_policy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri "
    "'none'; "
    "form-action 'none'; frame-ancestors 'none'";

}  // namespace

bool names_tag(std::string_view field, std::string_view entity_tag) noexcept {
    return field == "*" || (!entity_tag.empty() && field.find(entity_tag) != std::string_view::npos);
}

std::optional<Reply> asset_reply(const Request& request) {
    const auto* asset = std::find_if(web_assets.begin(), web_assets.end(),
                                     [&](const Asset& known) { return known.path == request.path; });
    if (request.method != Method::get || asset == web_assets.end()) {
        return std::nullopt;
    }
    Reply reply{.content_type = asset->content_type};
    const auto add = [&reply](std::string_view name, std::string_view value) {
        reply.headers.emplace_back(name, value);
    };
    add("ETag", asset->entity_tag);
    add("Cache-Control", "no-cache");  // kept, but asked for: a new controller has new files
    add("Vary", "Accept-Encoding");
    add("Content-Security-Policy", content_security_policy);
    add("Referrer-Policy", "no-referrer");
    add("Cross-Origin-Opener-Policy", "same-origin");
    if (names_tag(request.if_none_match, asset->entity_tag)) {
        reply.status = 304;
    } else if (request.accepts_gzip) {
        add("Content-Encoding", "gzip");
        reply.body = asset->gzip;
    } else {
        reply.body = asset->plain;
    }
    return reply;
}

}  // namespace ballast::controller::http
