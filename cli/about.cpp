#include "cli/about.hpp"

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <vector>

#include "cli/completion.hpp"
#include "cli/files.hpp"
#include "cli/help.hpp"
#include "cli/json.hpp"
#include "cli/man.hpp"
#include "cli/online/kinds.hpp"
#include "cli/online/online.hpp"
#include "cli/profile.hpp"
#include "shell/durable_file.hpp"

namespace ballast::cli {

namespace {

// The table for programs: which command uses which operations of the endpoint.
std::string commands_as_json() {
    JsonWriter json;
    json.object().key("commands").array();
    for (const Command* command : all_commands()) {
        json.object().key("path").text(command->path).key("summary").text(command->summary);
        json.key("operations").array();
        for (std::string_view rest = command->operations; !rest.empty();) {
            const std::size_t end = std::min(rest.find(' '), rest.size());
            json.text(rest.substr(0, end));
            rest.remove_prefix(std::min(end + 1, rest.size()));
        }
        json.end_array().end_object();
    }
    return json.end_array().end_object().str() + "\n";
}

Action declare_help(Options& options) {
    const auto words = std::make_shared<std::vector<std::string>>();
    options.argument("COMMAND", words.get(), "words of the command, or the first of them");
    return [words](Context& context) {
        if (context.format() == Format::json) {
            context.print(commands_as_json());
            return Exit::ok;
        }
        std::string path;
        for (const std::string& word : *words) {
            path += (path.empty() ? "" : " ") + word;
        }
        if (const Command* const command = find_command(path); command != nullptr) {
            context.print(help_for(*command));
            return Exit::ok;
        }
        if (commands_below(path).empty()) {
            context.complain("no command " + path + "\n  see: ballast help");
            return Exit::usage;
        }
        context.print(help_for_group(path));
        return Exit::ok;
    };
}

Action declare_version(Options&) {
    return [](Context& context) {
        context.print("ballast " BALLAST_VERSION "\n");
        return Exit::ok;
    };
}

Action declare_completion(Options& options) {
    const auto shell = std::make_shared<std::string>();
    options.argument("SHELL", shell.get(), "the shell").required().one_of({"bash"});
    return [shell](Context& context) {
        context.print(bash_script());
        return Exit::ok;
    };
}

std::string_view word_for(Completes kind) {
    switch (kind) {
        case Completes::files: return "files";
        case Completes::folders: return "folders";
        case Completes::nothing:
        case Completes::hosts:
        case Completes::vms:
        case Completes::jobs:
        case Completes::plans: break;
    }
    return "words";
}

// Names of objects, as the controller has them. Completion never complains: without an answer there are no
// names.
void add_names(Context& context, Completion& completion, std::string_view typed) {
    for (const Kind& kind : kinds()) {
        if (kind.completes != completion.objects || kind.completes == Completes::nothing) {
            continue;
        }
        Server server;
        std::string why;
        std::vector<std::string> lines;
        if (!resolve_server(context.connection, server, why)) {
            return;
        }
        Online connection{context, std::move(server)};
        connection.client().limit_seconds(1);  // somebody has pressed a key and waits
        if (!connection.list(std::string{kind.path}, lines).ok()) {
            return;
        }
        for (const std::string& line : lines) {
            const JsonText object{line};
            if (std::string name = name_of(kind, object.root()); name.starts_with(typed)) {
                completion.words.push_back(printable(name));
            }
        }
    }
}

Action declare_complete(Options& options) {
    const auto typed = std::make_shared<std::vector<std::string>>();
    options.argument("WORD", typed.get(), "the words of the line after \"ballast\"; the last is being typed");
    return [typed](Context& context) {
        Completion completion = complete(*typed);
        add_names(context, completion, typed->empty() ? "" : typed->back());
        std::string answer{word_for(completion.objects)};
        for (const std::string& word : completion.words) {
            answer += "\n" + word;
        }
        context.print(answer + "\n");
        return Exit::ok;
    };
}

Action declare_man(Options& options) {
    const auto folder = std::make_shared<std::string>();
    options.argument("FOLDER", folder.get(), "where to; it is made when it is not there")
        .required()
        .completes(Completes::folders);
    return [folder](Context& context) {
        std::string why;
        if (!make_directory(*folder, why).ok()) {
            context.complain(why);
            return Exit::failed;
        }
        for (const ManPage& page : man_pages()) {
            if (!write_file(*folder + "/" + page.name, page.text, 0644, why).ok()) {
                context.complain(why);
                return Exit::failed;
            }
        }
        return Exit::ok;
    };
}

constexpr std::array table{
    Command{"help", "Explains a command, or lists the commands",
            "With -o json the table of commands for programs, with the operations of the endpoint that each "
            "uses.",
            "", "", &declare_help},
    Command{"version", "Says which version this is", "", "", "", &declare_version},
    Command{"completion", "Writes the completion script of a shell",
            "For bash, once:\n\n  ballast completion bash > /etc/bash_completion.d/ballast\n\n"
            "The packages install it.",
            "", "", &declare_completion},
    Command{
        "complete", "Says how a line may go on; the completion script asks this",
        "The first line says what the rest are: words, or files or folders, which the shell itself knows.",
        "", "", &declare_complete},
    Command{"man", "Writes the manual pages into a folder, for those who make packages", "", "", "",
            &declare_man},
};

}  // namespace

std::span<const Command> about_commands() {
    return table;
}

}  // namespace ballast::cli
