#pragma once

#include <string_view>

#include "controller/core/records.hpp"

namespace ballast::controller::http {

// XXH3-128 of a request's distinguishing parts; never empty. Not secret and not meant to withstand forgery:
// callers with a token may only collide with requests of their own role.
Digest digest(std::string_view text) noexcept;

}  // namespace ballast::controller::http
