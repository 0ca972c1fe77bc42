// ballast: the command line. What it can do is the table of commands (commands.hpp).
#include <csignal>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "cli/commands.hpp"
#include "cli/help.hpp"
#include "cli/parse.hpp"

namespace ballast::cli {
namespace {

std::string where_to_read(const Parsed& parsed) {
    const bool said = parsed.error.find("ballast ") != std::string::npos;
    return said ? "" : "\n  see: ballast help" + (parsed.words.empty() ? "" : " " + parsed.words);
}

Exit run(const std::vector<std::string>& arguments) {
    Context context;
    Parsed parsed = parse(arguments, context);
    switch (parsed.what) {
        case Parsed::What::version: context.print("ballast " BALLAST_VERSION "\n"); return Exit::ok;
        case Parsed::What::help:
            context.print(parsed.command != nullptr ? help_for(*parsed.command)
                                                    : help_for_group(parsed.words));
            return Exit::ok;
        case Parsed::What::wrong:
            if (arguments.empty()) {
                std::fputs(help_for_group("").c_str(), stderr);
            } else {
                context.complain(parsed.error + where_to_read(parsed));
            }
            return Exit::usage;
        case Parsed::What::run: return parsed.action(context);
    }
    return Exit::failed;
}

}  // namespace
}  // namespace ballast::cli

int main(int argc, char** argv) {
    try {
        return static_cast<int>(ballast::cli::run({argv + 1, argv + argc}));
    } catch (const std::exception& error) {
        // Of the standard library only (out of memory, mostly): what can go wrong otherwise is a value.
        std::fprintf(stderr, "ballast: %s\n", error.what());
        return static_cast<int>(ballast::cli::Exit::failed);
    }
}
