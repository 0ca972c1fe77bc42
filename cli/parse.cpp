#include "cli/parse.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iomanip>
#include <map>
#include <numeric>
#include <sstream>

namespace ballast::cli {

namespace {

// As CLI::Range, but it says numbers as people do.
auto in_range(double least, double most) {
    return [least, most](const std::string& text) {
        double value = 0;
        const bool fits = CLI::detail::lexical_cast(text, value) && value >= least && value <= most;
        std::ostringstream range;
        range << text << " is not from " << std::setprecision(15) << least << " to " << most;
        return fits ? std::string{} : range.str();
    };
}

void refine(CLI::Option& option, const OptionRow& row, CLI::App& app) {
    if (row.is_required) {
        option.required();
    }
    if (!row.words.empty()) {
        option.check(CLI::IsMember(row.words));
    }
    const bool ranged = row.min_value != std::numeric_limits<double>::lowest() ||
                        row.max_value != std::numeric_limits<double>::max();
    if (ranged) {
        option.check(in_range(row.min_value, row.max_value));
    }
    if (row.repeats() && !row.positional) {
        option.allow_extra_args(false);  // else `--set a=1 NAME` would swallow NAME
    }
    if (!row.excluded.empty()) {
        option.excludes(app.get_option(row.excluded));
    }
}

// The options that the command cannot do without.
std::vector<CLI::Option*> declare(CLI::App& app, const Options& options) {
    std::vector<CLI::Option*> required;
    for (const OptionRow& row : options.rows()) {
        CLI::Option* const option = std::visit(
            [&](auto* target) {
                if constexpr (std::is_same_v<decltype(target), bool*>) {
                    return app.add_flag(row.names, *target);
                } else {
                    return app.add_option(row.names, *target);
                }
            },
            row.target);
        refine(*option, row, app);
        if (row.is_required) {
            required.push_back(option);
        }
    }
    return required;
}

// "plan" is a command, and so is "plan show", which needs nothing of what "plan" needs.
bool has_commands_below(std::string_view path) {
    const std::string beginning = std::string{path} + " ";
    return std::ranges::any_of(all_commands(),
                               [&](const Command* command) { return command->path.starts_with(beginning); });
}

// As many words of the command's path, from the first on, as are among the arguments. What the arguments do
// not name need not be declared, which for all commands takes longer than most of them run.
std::string_view named_words(std::string_view path, const std::vector<std::string>& arguments) {
    std::size_t end = 0;
    while (end < path.size()) {
        const std::size_t begin = end == 0 ? 0 : end + 1;
        const std::size_t next = std::min(path.find(' ', begin), path.size());
        if (std::ranges::find(arguments, path.substr(begin, next - begin)) == arguments.end()) {
            break;
        }
        end = next;
    }
    return path.substr(0, end);
}

// One node of the tree of subcommands: "image", and below it "image index".
class Tree {
  public:
    Tree() {
        root_.set_help_flag("-h,--help");
        root_.set_version_flag("--version", std::string{});
        root_.require_subcommand(0, 1);
    }

    // The app of the command with this path; makes the ones above it.
    CLI::App& at(std::string_view path) {
        const auto found = apps_.find(path);
        if (found != apps_.end()) {
            return *found->second;
        }
        const std::size_t blank = path.rfind(' ');
        CLI::App& parent = blank == std::string_view::npos ? root_ : at(path.substr(0, blank));
        const std::string word{blank == std::string_view::npos ? path : path.substr(blank + 1)};
        CLI::App* const app = parent.add_subcommand(word);
        app->set_help_flag("-h,--help");
        app->fallthrough();             // shared options are declared once, at the root
        app->require_subcommand(0, 1);  // else a guest called "status" would be taken for the command
        apps_.emplace(path, app);
        return *app;
    }

    CLI::App& root() { return root_; }

    // The words of the deepest subcommand that the arguments named.
    std::string parsed_words() const {
        std::string words;
        const CLI::App* app = &root_;
        while (!app->get_subcommands().empty()) {
            app = app->get_subcommands().front();
            words += (words.empty() ? "" : " ") + app->get_name();
        }
        return words;
    }

  private:
    CLI::App root_{"", "ballast"};
    std::map<std::string, CLI::App*, std::less<>> apps_;
};

std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 0; i < a.size(); ++i) {
        std::size_t diagonal = row[0]++;
        for (std::size_t j = 0; j < b.size(); ++j) {
            const std::size_t changed = diagonal + (a[i] == b[j] ? 0 : 1);
            diagonal = row[j + 1];
            row[j + 1] = std::min({row[j] + 1, row[j + 1] + 1, changed});
        }
    }
    return row.back();
}

// The next word of a command below `words` that is at most two changes away from `typed`; empty when none is.
std::string_view nearest_word(std::string_view words, std::string_view typed) {
    constexpr std::size_t distance_max = 2;
    std::size_t best = distance_max + 1;
    std::string_view nearest;
    for (const Command* command : commands_below(words)) {
        std::string_view rest = command->path.substr(words.size());
        rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
        const std::string_view word = rest.substr(0, rest.find(' '));
        if (const std::size_t distance = edit_distance(word, typed); distance < best) {
            best = distance;
            nearest = word;
        }
    }
    return nearest;
}

// The first argument after `words` that looks like a word of a command.
std::string_view next_word(const std::vector<std::string>& arguments, std::string_view words) {
    std::size_t to_skip = words.empty() ? 0 : 1 + static_cast<std::size_t>(std::ranges::count(words, ' '));
    for (const std::string& argument : arguments) {
        if (argument.starts_with('-')) {
            continue;
        }
        if (to_skip == 0) {
            return argument;
        }
        --to_skip;
    }
    return {};
}

std::string wrong_words(const std::vector<std::string>& arguments, const std::string& words) {
    const std::string_view typed = next_word(arguments, words);
    const std::string before = words.empty() ? "" : words + " ";
    if (typed.empty()) {
        return before + "what? See: ballast help" + (words.empty() ? "" : " " + words);
    }
    std::string error = "no command " + before + std::string{typed};
    if (const std::string_view nearest = nearest_word(words, typed); !nearest.empty()) {
        error += "; did you mean: ballast " + before + std::string{nearest};
    }
    return error;
}

}  // namespace

Parsed parse(const std::vector<std::string>& arguments, Context& context) {
    Tree tree;
    Options shared;
    declare_output(shared, context.output);
    declare_connection(shared, context.connection);
    declare(tree.root(), shared);
    std::map<std::string_view, Action> actions;
    std::multimap<std::string_view, const CLI::Option*> required_later;
    for (const Command* command : all_commands()) {
        const std::string_view named = named_words(command->path, arguments);
        if (named != command->path) {
            if (!named.empty()) {
                tree.at(named);
            }
            continue;
        }
        Options options;
        actions.emplace(command->path, command->declare(options));
        const std::vector<CLI::Option*> required = declare(tree.at(command->path), options);
        if (has_commands_below(command->path)) {
            for (CLI::Option* option : required) {
                option->required(false);
                required_later.emplace(command->path, option);
            }
        }
    }
    Parsed parsed;
    try {
        std::vector<std::string> reversed{arguments.rbegin(), arguments.rend()};  // as CLI11 wants them
        tree.root().parse(reversed);
    } catch (const CLI::CallForHelp&) {
        parsed.what = Parsed::What::help;
    } catch (const CLI::CallForVersion&) {
        parsed.what = Parsed::What::version;
        return parsed;
    } catch (const CLI::ParseError& error) {
        parsed.words = tree.parsed_words();
        parsed.command = find_command(parsed.words);
        parsed.error = parsed.command == nullptr ? wrong_words(arguments, parsed.words) : error.what();
        return parsed;
    }
    parsed.words = tree.parsed_words();
    parsed.command = find_command(parsed.words);
    if (parsed.what == Parsed::What::help) {
        return parsed;
    }
    if (parsed.command == nullptr) {
        parsed.error = wrong_words(arguments, parsed.words);
        return parsed;
    }
    for (const auto& [path, option] : required_later) {
        if (path == parsed.words && option->count() == 0) {
            parsed.error = option->get_name() + " is required";
            return parsed;
        }
    }
    parsed.what = Parsed::What::run;
    parsed.action = std::move(actions.at(parsed.command->path));
    return parsed;
}

}  // namespace ballast::cli
