#include "cli/offline/commands.hpp"

#include <array>

#include "cli/offline/plan_commands.hpp"
#include "cli/offline/simulate_pool.hpp"
#include "cli/offline/simulate_scoa.hpp"
#include "cli/offline/simulate_soak.hpp"
#include "cli/offline/simulate_trace.hpp"
#include "cli/offline/simulate_vds.hpp"

namespace ballast::cli::offline {

namespace {

constexpr std::string_view input_exits = "0 done\n2 bad input or an unknown name: nothing was done";

constexpr std::string_view plan_exits =
    "0 a plan, an empty one too\n2 bad input, or an unknown policy or parameter";

constexpr std::array offline_table{
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
    Command{
        "simulate pool", "Plays a policy on a pool from a file until nothing is left to move",
        "Round after round the policy plans, and its moves are carried out at once; the loads stay as the "
        "file has "
        "them. A line for each round: migrations, GiB of guests moved, the standard deviation over hosts of "
        "CPU "
        "before and after and of memory in use after, and guests still on hosts to be drained. The last "
        "round has "
        "no moves, unless --rounds ended it.\n\n"
        "  ballast simulate pool --pool bundle.json --policy ballast --drain h3",
        input_exits, "", &declare_simulate_pool},
    Command{"simulate scoa", "Runs the experiment of the SCOA paper and prints its figures over many seeds",
            "Six hosts, 36 guests whose CPU, network and memory go by the paper's table of patterns, 72 "
            "hours; every "
            "hour a policy sees that hour's utilisation and acts at once. A line for each policy: hours in "
            "which a host "
            "was overloaded, migrations, swaps, overloads that remained, host-hours above the hardware "
            "limit, and the "
            "standard deviations over hosts.\n\n"
            "  ballast simulate scoa --policy sandpiper --policy scoa",
            input_exits, "", &declare_simulate_scoa},
    Command{"simulate vds", "Runs the simulation of the VDS paper and prints its figures over many seeds",
            "30 hosts and 400 guests that arrive, load their hosts at random and end; creations are denied "
            "for lack of "
            "CPU or memory. A line for each policy and critical load, each figure with its mean and standard "
            "deviation. "
            "Equal seeds give equal users, whatever the policy. What the paper leaves open is an option.\n\n"
            "  ballast simulate vds --policy none --policy vds-3b --critical 0.8",
            input_exits, "", &declare_simulate_vds},
    Command{"simulate soak", "Runs the whole system in a world that breaks, and checks its promises",
            "The real cores of the controller and of the agents, with simulated Xen hosts, disks, networks, "
            "clocks and people, in virtual time. Everything is drawn from the seed. After every event the "
            "promises of the system are checked: one copy of a guest, none lost, no host over-committed, no "
            "answer forgotten, every job ended, the same decisions again. A broken promise ends the run with "
            "the seed, the commit, the fewest incidents that break it, and the log.\n\n"
            "  ballast simulate soak --seed 1 --seeds 300\n"
            "  ballast simulate soak --seed 4711 --log",
            "0 all promises were kept\n1 one was broken: seed and log are printed", "",
            &declare_simulate_soak},
};

}  // namespace

std::span<const Command> offline_commands() {
    return offline_table;
}

}  // namespace ballast::cli::offline
