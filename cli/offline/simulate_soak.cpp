#include "cli/offline/simulate_soak.hpp"

#include <csignal>
#include <ctime>
#include <memory>

#include <fmt/core.h>
#include <unistd.h>

#include "sim/soak.hpp"

namespace ballast::cli::offline {

namespace {

constexpr std::uint32_t shrink_runs_max = 400;
constexpr std::uint64_t progress_every_seeds = 500;

struct SoakOptions {
    std::int64_t seed = 1;
    std::int64_t seeds = 1;
    bool endless = false;
    bool log = false;
};

// A core that breaks an assertion of its own takes the program with it; its last line says where it was.
char seed_line[64];
void on_abort(int) {
    [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, seed_line, sizeof seed_line);
}

double seconds_now() {
    timespec time{};
    clock_gettime(CLOCK_MONOTONIC, &time);
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

Exit soak(Context& context, const SoakOptions& options) {
    std::signal(SIGABRT, on_abort);
    const double began = seconds_now();
    std::uint64_t events = 0;
    double virtual_s = 0;
    std::uint64_t done = 0;
    for (auto seed = static_cast<std::uint64_t>(options.seed);
         options.endless || done < static_cast<std::uint64_t>(options.seeds); ++seed) {
        *fmt::format_to_n(seed_line, sizeof seed_line - 1, "\nin seed {} of ballast simulate soak\n", seed)
             .out = '\0';
        const simulator::Scenario scenario = simulator::make_scenario(seed);
        const simulator::RunResult result = simulator::run(scenario, options.log);
        for (const std::string& line : result.log) {
            context.print(line + "\n");
        }
        if (result.violation) {
            const simulator::Scenario shrunk =
                simulator::shrink(scenario, result.violation->invariant, shrink_runs_max);
            context.print(simulator::explain_failure(shrunk, scenario.incidents.size(), BALLAST_COMMIT));
            context.print(fmt::format("again: ballast simulate soak --seed {}\n", seed));
            return Exit::failed;
        }
        events += result.events;
        virtual_s += static_cast<double>(result.virtual_ns) / simulator::second;
        ++done;
        if (options.endless && done % progress_every_seeds == 0) {
            context.print(fmt::format("{} seeds, {} events, {:.0f} h of virtual time\n", done, events,
                                      virtual_s / 3600));
        }
    }
    const double took_s = seconds_now() - began;
    context.print(
        fmt::format("{} seeds kept all promises: {} events, {:.1f} h of virtual time, {:.0f} events/s\n",
                    done, events, virtual_s / 3600, static_cast<double>(events) / took_s));
    return Exit::ok;
}

}  // namespace

Action declare_simulate_soak(Options& options) {
    const auto state = std::make_shared<SoakOptions>();
    options.value("--seed", &state->seed, "N", "the first seed").between(0, 9e15);
    options.value("--seeds", &state->seeds, "M", "how many, one after the other").between(1, 9e15);
    options.flag("--endless", state->endless, "go on until a promise is broken, or somebody stops it");
    options.flag("--log", state->log, "print what happens");
    return [state](Context& context) { return soak(context, *state); };
}

}  // namespace ballast::cli::offline
