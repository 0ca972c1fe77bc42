// The command line against the table of commands. CLI11 does it; nothing else of the program knows CLI11.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cli/commands.hpp"

namespace ballast::cli {

// What the arguments ask for.
struct Parsed {
    enum class What : std::uint8_t { run, help, version, wrong };
    What what = What::wrong;
    const Command* command = nullptr;  // of run; of help, null when it is for `words`
    std::string words;                 // of help: the first words of the commands that it is about
    Action action;                     // of run
    std::string error;                 // of wrong: what and where, a line
};

// `arguments` are without the program's name. The shared options go into `context`.
Parsed parse(const std::vector<std::string>& arguments, Context& context);

}  // namespace ballast::cli
