// Entity tags of pools of desktops (RFC 9110, 8.8.3), so that an edit can be refused when somebody else has
// edited in between.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "controller/core/core.hpp"
#include "controller/http/message.hpp"
#include "controller/http/problem.hpp"

namespace ballast::controller::http {

// A strong tag of what operators set (rules, template, targets, enabled). Not of how many desktops are in
// which state: that changes by itself, and an edit must not be refused for it. The same over restarts.
std::string pool_tag(const Core& core, const DesktopPoolRecord& pool);

// The reply about a pool that exists, with its tag. The reply as it is when there is none of that name.
Reply with_pool_tag(const Core& core, std::string_view pool, Reply reply);

enum class Precondition : std::uint8_t { holds, fails, malformed };
// What If-Match says (`*`, or tags separated by commas) to something that has `entity_tag`. Compared
// strongly: a weak tag (`W/"x"`) never matches. An empty field asks for nothing.
Precondition judge_if_match(std::string_view field, std::string_view entity_tag) noexcept;

}  // namespace ballast::controller::http
