// The table of commands. Parsing, `--help`, the man pages and the completion are all made from it: what is
// not in it does not exist, and what is in it is documented.
//
// To add commands: a file of their own with an array of Command and a function that returns it as a span, and
// one line in all_groups() (commands.cpp).
#pragma once

#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "cli/context.hpp"
#include "cli/exit_codes.hpp"
#include "cli/options.hpp"

namespace ballast::cli {

// What a command does once its options have been parsed.
using Action = std::function<Exit(Context&)>;

struct Command {
    // Words as typed: "plan", "image index".
    std::string_view path;
    // One line without a full stop, for lists.
    std::string_view summary;
    // Paragraphs for `--help` and the man page, an empty line between them. A line that begins with two
    // blanks stays as it is (examples).
    std::string_view text;
    // Exit codes that mean something more exact here, one a line: "0 a plan, an empty one too". What is not
    // named has its general meaning (exit_codes.hpp).
    std::string_view exits;
    // The operations of the HTTP endpoint (operationId in docs/openapi.yaml) that it uses, separated by
    // blanks; empty when it needs no controller, and then it does not take the options of a connection.
    std::string_view operations;
    // Declares what it takes and returns what it does. The options are bound to state that the action owns
    // (a shared_ptr that it captures).
    Action (*declare)(Options& options);

    bool online() const noexcept { return !operations.empty(); }
};

// All commands, in the order in which help shows them.
std::vector<const Command*> all_commands();

// The commands of which all first words are those of `words`: ("image") gives image index, image compare, ….
std::vector<const Command*> commands_below(std::string_view words);

// The command with exactly this path, or null.
const Command* find_command(std::string_view path);

}  // namespace ballast::cli
