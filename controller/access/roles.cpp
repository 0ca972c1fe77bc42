#include "controller/access/roles.hpp"

namespace ballast::controller {

std::string_view to_string(Role role) noexcept {
    switch (role) {
        case Role::none: return "none";
        case Role::user: return "user";
        case Role::viewer: return "viewer";
        case Role::helpdesk: return "helpdesk";
        case Role::operator_: return "operator";
        case Role::admin: return "admin";
    }
    return "none";
}

std::optional<Role> parse_role(std::string_view word) noexcept {
    for (const Role role : roles) {
        if (word == to_string(role)) {
            return role;
        }
    }
    return std::nullopt;
}

std::string_view to_string(Proof proof) noexcept {
    switch (proof) {
        case Proof::nothing: return "nothing";
        case Proof::token: return "token";
        case Proof::certificate: return "certificate";
        case Proof::socket: return "socket";
        case Proof::unasked: return "unasked";
    }
    return "nothing";
}

}  // namespace ballast::controller
