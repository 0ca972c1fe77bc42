// The table of commands as text for people at a terminal.
#pragma once

#include <string>
#include <string_view>

#include "cli/commands.hpp"

namespace ballast::cli {

// "ballast vm migrate [OPTIONS] NAME"
std::string usage_line(const Command& command, const Options& options);

// "-o, --output FORM"
std::string option_heading(const OptionRow& row);

// The row's help with the words that it takes.
std::string option_text(const OptionRow& row);

// What the code means for this command.
std::string exit_meaning(const Command& command, const ExitMeaning& general);

std::string help_for(const Command& command);

// The commands whose first words are `words`, a line each; all of them when it is empty.
std::string help_for_group(std::string_view words);

}  // namespace ballast::cli
