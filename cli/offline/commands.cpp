#include "cli/offline/commands.hpp"

#include <array>

#include "cli/offline/plan_commands.hpp"
#include "cli/offline/simulate_trace.hpp"

namespace ballast::cli::offline {

namespace {

constexpr std::string_view input_exits = "0 done\n2 bad input or an unknown name: nothing was done";

constexpr std::string_view plan_exits =
    "0 a plan, an empty one too\n2 bad input, or an unknown policy or parameter";

constexpr std::array table{
    Command{"plan", "Asks a policy what it would do with a pool, and why",
            "Reads a snapshot of a pool and answers with the moves of one round in their order, each with "
            "its reason, "
            "the load of every host before and after, and for everything that stays the rule that keeps it. "
            "Nothing is "
            "moved, and no controller is needed.\n\n"
            "  ballast plan --pool pool.json --policy vds-3b --set critical_load=0.75\n"
            "  ballast snapshot | ballast plan --pool - --json",
            plan_exits, "", &declare_plan},
    Command{"compare", "Shows what every policy would make of a pool, side by side",
            "A line for each policy: the score after its plan (the sum of the standard deviations over hosts "
            "of memory "
            "given, vCPUs per core, and utilisation of CPU, memory, disk and network; lower is more even), "
            "hosts that "
            "are still hot, migrations, GiB of guests moved, the standard deviations, rejections, and the "
            "processor "
            "time and memory of the decision.\n\n"
            "  ballast compare --pool pool.json --hot 0.75",
            plan_exits, "", &declare_compare},
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
