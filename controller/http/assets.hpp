// The dashboard's files, as they are in the program.
#pragma once

#include <optional>
#include <string_view>

#include "controller/http/message.hpp"

namespace ballast::controller::http {

struct Asset {
    std::string_view path;  // "/" or "/js/main.js"
    std::string_view content_type;
    std::string_view entity_tag;  // with its quotes
    std::string_view plain;
    std::string_view gzip;
};

// The answer to GET of one of them (304 when the browser has it already); nothing for other paths. They hold
// no secret and need no token: what the page shows it asks for with its user's.
std::optional<Reply> asset_reply(const Request& request);

// True when the field (If-Match, If-None-Match) names the tag, or any.
bool names_tag(std::string_view field, std::string_view entity_tag) noexcept;

}  // namespace ballast::controller::http
