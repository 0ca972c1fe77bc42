#include "cli/help.hpp"

#include <algorithm>

namespace ballast::cli {

namespace {

constexpr std::size_t columns = 80;
constexpr std::size_t text_indent = 26;

// Breaks `text` at blanks so that no line is longer than the screen; the first line begins at `column`.
std::string wrapped(std::string_view text, std::size_t indent, std::size_t column) {
    std::string out;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find(' '), text.size());
        const std::string_view word = text.substr(0, end);
        if (column > indent && column + 1 + word.size() > columns) {
            out += "\n" + std::string(indent, ' ');
            column = indent;
        } else if (column > indent) {
            out += ' ';
            ++column;
        }
        out += word;
        column += word.size();
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return out;
}

std::string row_line(std::string_view heading, std::string_view text) {
    std::string line = "  " + std::string{heading};
    if (line.size() + 2 > text_indent) {
        line += "\n" + std::string(text_indent, ' ');
    } else {
        line.resize(text_indent, ' ');
    }
    return line + wrapped(text, text_indent, text_indent) + "\n";
}

std::string option_lines(const Options& options, bool positional) {
    std::string out;
    for (const OptionRow& row : options.rows()) {
        if (row.positional == positional) {
            out += row_line(option_heading(row), option_text(row));
        }
    }
    return out;
}

// Paragraphs, wrapped; lines that begin with two blanks as they are.
std::string wrapped_paragraphs(std::string_view text) {
    std::string out;
    std::string running;
    const auto flush = [&] {
        if (!running.empty()) {
            out += wrapped(running, 0, 0) + "\n";
            running.clear();
        }
    };
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        const std::string_view line = text.substr(0, end);
        if (line.empty() || line.starts_with("  ")) {
            flush();
            out += std::string{line} + "\n";
        } else {
            running += (running.empty() ? "" : " ") + std::string{line};
        }
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    flush();
    return out;
}

}  // namespace

std::string usage_line(const Command& command, const Options& options) {
    std::string line = "ballast " + std::string{command.path};
    std::string positionals;
    bool optional_ones = false;
    for (const OptionRow& row : options.rows()) {
        if (row.positional) {
            const std::string word = row.names + (row.repeats() ? "..." : "");
            positionals += row.is_required ? " " + word : " [" + word + "]";
        } else if (row.is_required) {
            line += " " + row.long_name() + " " + row.placeholder;
        } else {
            optional_ones = true;
        }
    }
    return line + (optional_ones ? " [OPTIONS]" : "") + positionals;
}

std::string option_heading(const OptionRow& row) {
    std::string heading = row.names;
    if (const std::size_t comma = heading.find(','); comma != std::string::npos) {
        heading.insert(comma + 1, " ");
    }
    return row.placeholder.empty() ? heading : heading + " " + row.placeholder;
}

std::string option_text(const OptionRow& row) {
    std::string text = row.help;
    for (std::size_t i = 0; i < row.words.size(); ++i) {
        text += (i == 0 ? ": " : ", ") + row.words[i];
    }
    return text;
}

std::string exit_meaning(const Command& command, const ExitMeaning& general) {
    const std::string prefix = std::to_string(static_cast<int>(general.code)) + " ";
    std::string_view rest = command.exits;
    while (!rest.empty()) {
        const std::size_t end = std::min(rest.find('\n'), rest.size());
        const std::string_view line = rest.substr(0, end);
        if (line.starts_with(prefix)) {
            return std::string{line.substr(prefix.size())};
        }
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    return std::string{general.meaning};
}

std::string help_for(const Command& command) {
    Options options;
    (void)command.declare(options);
    std::string out =
        "usage: " + usage_line(command, options) + "\n\n" + std::string{command.summary} + ".\n";
    if (!command.text.empty()) {
        out += "\n" + wrapped_paragraphs(command.text);
    }
    const std::string arguments = option_lines(options, true);
    const std::string own = option_lines(options, false);
    out += arguments.empty() ? "" : "\nArguments:\n" + arguments;
    out += own.empty() ? "" : "\nOptions:\n" + own;
    OutputOptions output;
    ConnectionOptions connection;
    Options shared;
    declare_output(shared, output);
    out += "\nOutput:\n" + option_lines(shared, false);
    if (command.online()) {
        Options way;
        declare_connection(way, connection);
        out += "\nConnection:\n" + option_lines(way, false);
    }
    out += "\nExit codes:\n";
    for (const ExitMeaning& row : exit_meanings) {
        if (command.online() || row.code <= Exit::usage || exit_meaning(command, row) != row.meaning) {
            out += row_line(std::to_string(static_cast<int>(row.code)), exit_meaning(command, row));
        }
    }
    return out;
}

std::string help_for_group(std::string_view words) {
    std::string out =
        "usage: ballast " + (words.empty() ? "" : std::string{words} + " ") + "COMMAND [OPTIONS]\n\n";
    for (const Command* command : commands_below(words)) {
        out += row_line(command->path, command->summary);
    }
    return out +
           "\nOne command in full: ballast help COMMAND\n"
           "The controller: --server URL or BALLAST_SERVER; without, the one on this machine\n";
}

}  // namespace ballast::cli
