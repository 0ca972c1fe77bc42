#include "cli/commands.hpp"

#include <array>

#include "cli/about.hpp"
#include "cli/offline/audit.hpp"
#include "cli/offline/commands.hpp"
#include "cli/offline/image.hpp"
#include "cli/online/access.hpp"
#include "cli/online/act.hpp"
#include "cli/online/bundle.hpp"
#include "cli/online/desktops.hpp"
#include "cli/online/events.hpp"
#include "cli/online/get.hpp"
#include "cli/online/plans.hpp"
#include "cli/online/top.hpp"

namespace ballast::cli {

namespace {

auto all_groups() {
    return std::array{
        // One a line, so that additions merge.
        look_commands(),              //
        event_commands(),             //
        vm_commands(),                //
        host_commands(),              //
        job_commands(),               //
        plan_commands(),              //
        desktop_commands(),           //
        access_commands(),            //
        top_commands(),               //
        bundle_commands(),            //
        offline::offline_commands(),  //
        offline::audit_commands(),    //
        image_commands(),             //
        about_commands(),
    };
}

bool begins_with_words(std::string_view path, std::string_view words) {
    return words.empty() ||
           (path.starts_with(words) && (path.size() == words.size() || path[words.size()] == ' '));
}

}  // namespace

std::vector<const Command*> all_commands() {
    return commands_below("");
}

std::vector<const Command*> commands_below(std::string_view words) {
    std::vector<const Command*> found;
    for (const std::span<const Command> group : all_groups()) {
        for (const Command& command : group) {
            if (begins_with_words(command.path, words)) {
                found.push_back(&command);
            }
        }
    }
    return found;
}

const Command* find_command(std::string_view path) {
    for (const Command* command : all_commands()) {
        if (command->path == path) {
            return command;
        }
    }
    return nullptr;
}

}  // namespace ballast::cli
