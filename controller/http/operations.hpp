// The operations of the endpoint as one table: what is not in it does not exist. Method, path, role,
// parameters and whether it changes anything are checked here, once for all.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "controller/core/commands.hpp"
#include "controller/http/message.hpp"

namespace ballast::controller::http {

class Api;
struct Call;

// What the role `user`, which is not on the ladder, may do with an operation.
enum class Own : std::uint8_t {
    nothing,
    objects,  // call it, for what is the caller's own: the rest does not exist for it
};

struct Operation {
    Method method;
    std::string_view path;  // "/v1/vms/{id}:pause"; {id} is a name or uuid, or a number
    Answer (*handler)(Api&, const Call&);
    Role role;  // the least on the ladder that may; none: whoever asks
    bool mutating;
    std::string_view parameters;              // query parameters that it knows, separated by blanks
    CommandKind command = CommandKind::none;  // what a mutating one asks of the core
    Own own = Own::nothing;
};

// The whole of authorization: may this role call the operation? (What is only for owners, its handler sees
// to.)
bool allows(const Operation& operation, Role role) noexcept;
// The table of operations and roles in Markdown, for docs/roles.md.
std::string roles_page();

// One request with what the table and the path say of it.
struct Call {
    const Operation& operation;
    const Request& request;
    std::string id;  // of the path; empty where the path has none

    // The id where it is a number (of a job, plan or decision).
    std::optional<std::uint64_t> number() const noexcept;
};

std::span<const Operation> operations() noexcept;

struct Match {
    const Operation* operation = nullptr;
    std::string id;
    std::string other_methods;  // the path exists with these: "GET, POST"
};
Match match(Method method, std::string_view path);

// True when `parameters` lists `name`.
bool lists(std::string_view parameters, std::string_view name) noexcept;

}  // namespace ballast::controller::http
