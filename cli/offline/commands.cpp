#include "cli/offline/commands.hpp"

#include <array>

#include "cli/offline/simulate_trace.hpp"

namespace ballast::cli::offline {

namespace {

constexpr std::string_view input_exits = "0 done\n2 bad input or an unknown name: nothing was done";

constexpr std::array table{
    Command{
        "simulate trace", "Replays recorded loads under the policies and prints a table of scores",
        "Guests start round robin on equal hosts; what is decided on one slot is carried out from the next "
        "on, "
        "with migrations that take the time of a pre-copy transfer. The columns: mean over time of the "
        "standard "
        "deviation of CPU over hosts, and of busiest minus idlest; host-minutes above 80, 90 and 100 %; "
        "core-hours that guests wanted and did not get; migrations, GiB of guests moved, most moves of one "
        "guest, moves back within 30 minutes; J = host-minutes above 90 % + half the migrations; time of one "
        "decision; memory of policy and replay; samples of guests replayed a second.\n\n"
        "  ballast simulate trace --data traces planetlab-20110303 --policy ballast --policy vds-3b",
        input_exits, "", &declare_simulate_trace},
};

}  // namespace

std::span<const Command> offline_commands() {
    return table;
}

}  // namespace ballast::cli::offline
