// The table of operations as a page for people, so that the documentation cannot differ from what is checked.
#include "controller/http/operations.hpp"

namespace ballast::controller::http {

std::string roles_page() {
    std::string page =
        "# Roles\n\n"
        "Made from the table of operations (`controller/http/operations.cpp`) by `ballast-controller "
        "--roles`;\n"
        "`make roles` writes it again. [security.md](security.md) explains the roles. *own*: only what "
        "belongs\n"
        "to the user whom the token or certificate names; the rest does not exist for it (404).\n\n"
        "| operation |";
    for (const Role role : roles) {
        page += " " + std::string{to_string(role)} + " |";
    }
    page += "\n|---|";
    for (std::size_t i = 0; i < std::size(roles); ++i) {
        page += "---|";
    }
    page += "\n";
    for (const Operation& operation : operations()) {
        const bool open = operation.role == Role::none;
        page += "| `" + std::string{to_string(operation.method)} + " " + std::string{operation.path} + "`";
        page += open ? " (no token needed) |" : " |";
        for (const Role role : roles) {
            page += !allows(operation, role) ? "  |" : role == Role::user && !open ? " own |" : " yes |";
        }
        page += "\n";
    }
    return page;
}

}  // namespace ballast::controller::http
