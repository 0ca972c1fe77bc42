// Who may do what: roles, and what is known of whoever sent a request.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ballast::controller {

// From viewer on, each role may do all that the one before may. `user` stands beside this ladder: it may only
// see and open what is its own. What that means for each operation is in the table of operations
// (controller/http/operations.cpp), and nowhere else.
enum class Role : std::uint8_t { none = 0, user = 1, viewer = 2, helpdesk = 3, operator_ = 4, admin = 5 };
inline constexpr Role roles[] = {Role::user, Role::viewer, Role::helpdesk, Role::operator_, Role::admin};

std::string_view to_string(Role role) noexcept;
// Nothing for a word that is no role ("none" is none).
std::optional<Role> parse_role(std::string_view word) noexcept;

// How the caller proved who it is.
enum class Proof : std::uint8_t { nothing, token, certificate, socket, unasked };
std::string_view to_string(Proof proof) noexcept;

// What a request says of its sender, before anybody has judged it.
struct Credentials {
    bool local = false;      // over the unix socket, from root or the controller's own user
    std::string_view token;  // of "Authorization: Bearer"; empty without
    std::string_view
        certificate;           // common name of a client certificate that our CA has signed; empty without
    std::string_view address;  // numeric; empty over the unix socket
};

struct Caller {
    Role role = Role::none;
    Proof proof = Proof::nothing;
    std::string name;            // for people and for the audit log: a token's name, a common name
    std::string user;            // role user: who that is
    std::uint64_t token_id = 0;  // proof token
    std::string refusal;         // role none: what is wrong with the credentials; empty: there were none
    unsigned retry_after_seconds =
        0;  // not 0: too many wrong credentials came from there, nothing was looked at

    // Whether what belongs to this user is the caller's business.
    bool may_see(std::string_view owner) const noexcept { return role != Role::user || user == owner; }
};

}  // namespace ballast::controller
