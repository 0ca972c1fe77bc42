// A bearer token as it is kept: never the token itself.
#pragma once

#include <cstdint>

#include "base/fixed_string.hpp"
#include "base/instant.hpp"
#include "controller/access/roles.hpp"
#include "shell/sha256.hpp"

namespace ballast::controller {

struct TokenRecord {
    std::uint64_t id = 0;
    FixedString<64> name;  // unique among those that are neither revoked nor expired
    Sha256 hash{};
    Role role = Role::none;
    FixedString<64> user;  // role user: whose sessions; empty otherwise
    FixedString<64> created_by;
    WallTime created;
    WallTime expires;    // 0: never
    WallTime revoked;    // 0: not
    WallTime last_used;  // 0: never; may be a minute old
};

enum class TokenState : std::uint8_t { live, expired, revoked };

inline TokenState state_of(const TokenRecord& token, WallTime at) noexcept {
    if (token.revoked.unix_ms != 0) {
        return TokenState::revoked;
    }
    const bool ends = token.expires.unix_ms != 0;
    return ends && at.unix_ms >= token.expires.unix_ms ? TokenState::expired : TokenState::live;
}

inline std::string_view to_string(TokenState state) noexcept {
    switch (state) {
        case TokenState::live: return "live";
        case TokenState::expired: return "expired";
        case TokenState::revoked: return "revoked";
    }
    return "revoked";
}

}  // namespace ballast::controller
