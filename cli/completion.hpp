// How a line that is being typed may go on, by the table of commands.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "cli/options.hpp"

namespace ballast::cli {

struct Completion {
    std::vector<std::string> words;          // all that begin with what is typed
    Completes objects = Completes::nothing;  // and these, of which `words` has none
};

// `typed` are the words after the program's name; the last is the one being typed, perhaps empty.
Completion complete(std::span<const std::string> typed);

// The script that makes bash ask `ballast complete`.
std::string bash_script();

}  // namespace ballast::cli
