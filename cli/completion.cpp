#include "cli/completion.hpp"

#include <algorithm>
#include <optional>

#include "cli/commands.hpp"

namespace ballast::cli {

namespace {

void add(std::vector<std::string>& words, std::string_view word, std::string_view typed) {
    if (word.starts_with(typed) && std::ranges::find(words, word) == words.end()) {
        words.emplace_back(word);
    }
}

// The row with this name, "-o" or "--output".
const OptionRow* row_named(const Options& options, std::string_view name) {
    for (const OptionRow& row : options.rows()) {
        std::string_view names = row.names;
        while (!row.positional && !names.empty()) {
            const std::size_t end = std::min(names.find(','), names.size());
            if (names.substr(0, end) == name) {
                return &row;
            }
            names.remove_prefix(std::min(end + 1, names.size()));
        }
    }
    return nullptr;
}

const OptionRow* positional_at(const Options& options, std::size_t index) {
    const OptionRow* last = nullptr;
    for (const OptionRow& row : options.rows()) {
        if (row.positional) {
            last = &row;
            if (index-- == 0) {
                return last;
            }
        }
    }
    return last != nullptr && last->repeats() ? last : nullptr;
}

// What has been typed before the last word, read as far as it can be.
struct Before {
    std::string path;                    // words of commands
    std::size_t positionals = 0;         // arguments after them
    const OptionRow* pending = nullptr;  // an option whose value comes next
};

Before read(std::span<const std::string> words, const Options& shared, Options& own) {
    Before before;
    const Command* command = nullptr;
    for (const std::string& word : words) {
        if (before.pending != nullptr) {
            before.pending = nullptr;
        } else if (word.starts_with('-')) {
            const OptionRow* row = row_named(own, word);
            row = row == nullptr ? row_named(shared, word) : row;
            before.pending = row != nullptr && row->takes_value() ? row : nullptr;
        } else {
            const std::string longer = before.path.empty() ? word : before.path + " " + word;
            if (commands_below(longer).empty()) {
                ++before.positionals;
                continue;
            }
            before.path = longer;
            command = find_command(longer);
            own = Options{};
            if (command != nullptr) {
                (void)command->declare(own);
            }
        }
    }
    return before;
}

void add_value(Completion& completion, const OptionRow& row, std::string_view typed) {
    for (const std::string& word : row.words) {
        add(completion.words, word, typed);
    }
    completion.objects = row.completion;
}

void add_options(Completion& completion, const Options& options, std::string_view typed) {
    for (const OptionRow& row : options.rows()) {
        if (!row.positional) {
            add(completion.words, row.long_name(), typed);
        }
    }
}

}  // namespace

Completion complete(std::span<const std::string> typed) {
    Completion completion;
    if (typed.empty()) {
        return completion;
    }
    OutputOptions output;
    ConnectionOptions connection;
    Options shared;
    declare_output(shared, output);
    declare_connection(shared, connection);
    Options own;
    const Before before = read(typed.first(typed.size() - 1), shared, own);
    const std::string_view last = typed.back();
    if (before.pending != nullptr) {
        add_value(completion, *before.pending, last);
        return completion;
    }
    if (last.starts_with('-')) {
        add_options(completion, own, last);
        add_options(completion, shared, last);
        add(completion.words, "--help", last);
        return completion;
    }
    if (before.positionals == 0) {
        for (const Command* command : commands_below(before.path)) {
            std::string_view rest = command->path.substr(before.path.size());
            rest.remove_prefix(rest.starts_with(' ') ? 1 : 0);
            if (!rest.empty()) {
                add(completion.words, rest.substr(0, rest.find(' ')), last);
            }
        }
    }
    if (const OptionRow* row = positional_at(own, before.positionals); row != nullptr) {
        add_value(completion, *row, last);
    }
    return completion;
}

std::string bash_script() {
    return R"(# bash completion for ballast: the program itself knows how a line may go on.
_ballast() {
    local answer kind
    COMPREPLY=()
    answer=$(ballast complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null) || return
    kind=${answer%%$'\n'*}
    case $kind in
        files) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "${COMP_WORDS[COMP_CWORD]}") ;;
        folders) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- "${COMP_WORDS[COMP_CWORD]}") ;;
        *) mapfile -t COMPREPLY < <(tail -n +2 <<<"$answer") ;;
    esac
    [ "${#COMPREPLY[@]}" -eq 1 ] && [ -z "${COMPREPLY[0]}" ] && COMPREPLY=()
}
complete -F _ballast ballast
)";
}

}  // namespace ballast::cli
