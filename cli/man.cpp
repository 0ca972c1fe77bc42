#include "cli/man.hpp"

#include <algorithm>

#include "cli/commands.hpp"
#include "cli/help.hpp"

namespace ballast::cli {

namespace {

// Text for roff: no line is taken for a request, and dashes stay what is typed.
std::string roff(std::string_view text) {
    std::string out;
    bool line_start = true;
    for (const char c : text) {
        if (line_start && (c == '.' || c == '\'')) {
            out += "\\&";
        }
        if (c == '\\') {
            out += "\\e";
        } else if (c == '-') {
            out += "\\-";
        } else {
            out += c;
        }
        line_start = c == '\n';
    }
    return out;
}

std::string heading(std::string_view name) {
    std::string upper{name};
    std::ranges::transform(upper, upper.begin(),
                           [](char c) { return c >= 'a' && c <= 'z' ? char(c - 32) : c; });
    return ".TH " + roff(upper) + " 1 \"\" \"ballast " BALLAST_VERSION "\" \"Ballast\"\n";
}

std::string options_of(const Options& options) {
    std::string out;
    for (const OptionRow& row : options.rows()) {
        out += ".TP\n\\fB" + roff(option_heading(row)) + "\\fR\n" + roff(option_text(row)) + ".\n";
    }
    return out;
}

// Paragraphs as .PP; lines that begin with two blanks as examples.
std::string roff_paragraphs(std::string_view text) {
    std::string out;
    bool example = false;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        const std::string_view line = text.substr(0, end);
        const bool is_example = line.starts_with("  ");
        if (is_example != example) {
            out += is_example ? ".PP\n.nf\n" : ".fi\n";
            example = is_example;
        }
        if (!line.empty()) {
            out += roff(line) + "\n";
        } else if (!example) {
            out += ".PP\n";
        }
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return out + (example ? ".fi\n" : "");
}

std::string exits_of(const Command& command) {
    std::string out;
    for (const ExitMeaning& row : exit_meanings) {
        const std::string meaning = exit_meaning(command, row);
        if (meaning != row.meaning) {
            out +=
                ".br\nExit code " + std::to_string(static_cast<int>(row.code)) + ": " + roff(meaning) + ".\n";
        }
    }
    return out;
}

std::string command_part(const Command& command) {
    Options options;
    (void)command.declare(options);
    return ".SS \"" + roff(usage_line(command, options)) + "\"\n" + roff(command.summary) + ".\n" +
           (command.text.empty() ? "" : ".PP\n" + roff_paragraphs(command.text)) + options_of(options) +
           exits_of(command);
}

ManPage page_of_word(std::string_view word) {
    const std::vector<const Command*> commands = commands_below(word);
    const std::string name = "ballast-" + std::string{word};
    std::string text = heading(name) + ".SH NAME\n" + roff(name) + " \\- ";
    if (commands.size() == 1) {
        text += roff(commands.front()->summary) + "\n";
    } else {
        text += "commands of the balancer of Xen pools: ";
        for (const Command* command : commands) {
            text += (command == commands.front() ? "" : ", ") + roff(command->path);
        }
        text += "\n";
    }
    text += ".SH COMMANDS\n";
    for (const Command* command : commands) {
        text += command_part(*command);
    }
    return {name + ".1", text +
                             ".SH SEE ALSO\n.BR ballast (1):\nthe options that all commands share, the "
                             "configuration file, the environment and the exit codes.\n"};
}

constexpr std::string_view intro =
    "A pool of Xen hosts from the command line: what the controller's HTTP endpoint offers, and tools that "
    "need no "
    "controller. Every command explains itself: ballast help COMMAND.";

constexpr std::string_view surroundings =
    ".SH CONFIGURATION\n"
    "What is not given as an option is taken from the environment, then from the configuration file, then "
    "from the "
    "defaults. A server given by option or variable hides the file, unless a profile is asked for: a token "
    "goes only "
    "where it was meant to go.\n"
    ".TP\n\\fB~/.config/ballast/config.toml\\fR (or under \\fBXDG_CONFIG_HOME\\fR)\n"
    "server, token_file, ca, cert, key: texts, as the options of the same names. A profile NAME is the file "
    "NAME.toml "
    "beside it.\n"
    ".TP\n\\fBBALLAST_SERVER\\fR, \\fBBALLAST_TOKEN_FILE\\fR, \\fBBALLAST_CA\\fR, \\fBBALLAST_CERT\\fR, "
    "\\fBBALLAST_KEY\\fR, \\fBBALLAST_TOKEN\\fR, \\fBBALLAST_PROFILE\\fR, \\fBBALLAST_CONFIG\\fR\n"
    "As the options of the same names; BALLAST_TOKEN is the token itself, BALLAST_CONFIG another "
    "configuration file.\n"
    ".TP\n\\fBNO_COLOR\\fR\nNo colours when set.\n"
    ".PP\nThe default server is the controller's socket on this machine, "
    "unix:/var/lib/ballast\\-controller/http.sock.\n";

ManPage main_page() {
    std::string text = heading("ballast") +
                       ".SH NAME\nballast \\- see and steer a pool of Xen hosts\n"
                       ".SH SYNOPSIS\n.B ballast\nCOMMAND [OPTIONS]\n.SH DESCRIPTION\n" +
                       roff(intro) + "\n.SH COMMANDS\n";
    for (const Command* command : commands_below("")) {
        text += ".TP\n\\fB" + roff(command->path) + "\\fR\n" + roff(command->summary) + ".\n";
    }
    Options shared;
    OutputOptions output;
    ConnectionOptions connection;
    declare_output(shared, output);
    declare_connection(shared, connection);
    text += ".SH OPTIONS\n" + options_of(shared) + std::string{surroundings} + ".SH EXIT STATUS\n";
    for (const ExitMeaning& row : exit_meanings) {
        text +=
            ".TP\n\\fB" + std::to_string(static_cast<int>(row.code)) + "\\fR\n" + roff(row.meaning) + ".\n";
    }
    return {"ballast.1", text + ".SH SEE ALSO\n.BR ballast\\-controller (8),\n.BR ballast\\-agent (8)\n"};
}

}  // namespace

std::vector<ManPage> man_pages() {
    std::vector<ManPage> pages{main_page()};
    std::vector<std::string_view> words;
    for (const Command* command : all_commands()) {
        const std::string_view word = command->path.substr(0, command->path.find(' '));
        if (std::ranges::find(words, word) == words.end()) {
            words.push_back(word);
            pages.push_back(page_of_word(word));
        }
    }
    return pages;
}

}  // namespace ballast::cli
