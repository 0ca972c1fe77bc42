#include "cli/offline/simulate_trace.hpp"

#include <sys/resource.h>

#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/offline/contenders.hpp"
#include "cli/offline/output.hpp"
#include "cli/offline/planning.hpp"
#include "cli/offline/settings.hpp"
#include "cli/offline/svg_plot.hpp"
#include "cli/offline/trace_files.hpp"
#include "sim/experiments/replay.hpp"

namespace ballast::cli::offline {

namespace {

constexpr std::int64_t hosts_max = 4096;

struct TraceOptions {
    std::vector<std::string> traces;
    std::string data;
    std::vector<std::string> policies;
    std::vector<std::string> settings;
    std::int64_t hosts = 16;
    double mean_utilisation = 0;
    bool no_baselines = false;
    experiments::MigrationModel migration;
    ReportOptions report;
};

struct Outcome {
    experiments::Score score;
    std::vector<double> stddev_by_slot;
    double samples_per_second = 0;
    std::size_t memory_bytes = 0;
};

Outcome replay(const experiments::Trace& trace, const TraceOptions& options, const Contender& contender) {
    const auto hosts = static_cast<std::size_t>(options.hosts);
    Arena counting;
    (void)experiments::Replay{counting, hosts, trace.vms.size(), trace.slots};
    const auto memory = std::make_unique<std::byte[]>(counting.used_bytes());
    Arena arena{{memory.get(), counting.used_bytes()}};
    experiments::Replay run{arena, hosts, trace.vms.size(), trace.slots};
    SeatedContender seat{contender, hosts, trace.vms.size()};

    Outcome outcome;
    outcome.stddev_by_slot.resize(trace.slots);
    outcome.memory_bytes = counting.used_bytes() + seat.memory_bytes();
    const std::uint64_t begun = processor_ns();
    outcome.score =
        run.run(trace, {hosts, options.migration, processor_ns}, seat.decider(), outcome.stddev_by_slot);
    const double seconds = static_cast<double>(processor_ns() - begun) * 1e-9;
    outcome.samples_per_second = static_cast<double>(trace.vms.size() * trace.slots) / seconds;
    return outcome;
}

Report score_table() {
    return Report{{"<trace", "<policy", "stddev", "max-min", ">80%_min", ">90%_min", ">100%_min", "unmet_ch",
                   "moves", "GiB_moved", "most_one_vm", "ping_pongs", "J", "p50_us", "p99_us", "max_us",
                   "MiB", "Msamples/s"}};
}

void add_row(Report& table, std::string_view trace, const std::string& name, const Outcome& outcome) {
    const experiments::Score& score = outcome.score;
    const auto microseconds = [](std::uint64_t ns) { return decimals(static_cast<double>(ns) * 1e-3, 1); };
    constexpr double mib = 1024 * 1024;
    table.row({std::string{trace}, name, decimals(score.cpu_stddev, 4), decimals(score.cpu_range, 3),
               decimals(score.host_minutes_80, 0), decimals(score.host_minutes_90, 0),
               decimals(score.host_minutes_100, 0), decimals(score.unmet_core_hours, 1),
               std::to_string(score.migrations), decimals(score.gib_moved, 0),
               std::to_string(score.most_moves_of_one_vm), std::to_string(score.ping_pongs),
               decimals(score.gate(), 1), microseconds(score.decide_p50_ns),
               microseconds(score.decide_p99_ns), microseconds(score.decide_max_ns),
               decimals(static_cast<double>(outcome.memory_bytes) / mib, 1),
               decimals(outcome.samples_per_second * 1e-6, 1)});
}

// The folder with the traces, and which of them; nothing when there are none, which has then been said.
std::optional<std::vector<std::string>> choose_traces(const Context& context, TraceOptions& options) {
    if (options.data.empty()) {
        const char* const folder = std::getenv("BALLAST_DATA");
        if (folder == nullptr || *folder == '\0') {
            context.complain("where do the traces lie? Say --data FOLDER, or set BALLAST_DATA");
            return std::nullopt;
        }
        options.data = folder;
    }
    if (!options.traces.empty()) {
        return options.traces;
    }
    std::string why;
    std::vector<std::string> found = traces_in(options.data, why);
    if (found.empty()) {
        context.complain(why.empty() ? options.data + ": no planetlab-*.csv.gz or bitbrains-*-meta.csv.gz"
                                     : why);
        return std::nullopt;
    }
    return found;
}

std::optional<std::vector<Contender>> choose_contenders(const Context& context, const TraceOptions& options) {
    std::string why;
    const auto policies = choose_policies(options.policies, why);
    const auto parameters = policies ? apply_settings(options.settings, *policies, why) : std::nullopt;
    if (!parameters) {
        context.complain(why);
        return std::nullopt;
    }
    std::vector<Contender> contenders;
    for (const policy::Policy* chosen : *policies) {
        contenders.push_back(contender_for(*chosen, *parameters));
    }
    if (!options.no_baselines) {
        for (Contender& baseline : baselines()) {
            contenders.push_back(std::move(baseline));
        }
    }
    return contenders;
}

Exit simulate_trace(Context& context, TraceOptions& options) {
    const auto contenders = choose_contenders(context, options);
    const auto traces = contenders ? choose_traces(context, options) : std::nullopt;
    if (!traces) {
        return Exit::usage;
    }
    Report table = score_table();
    std::vector<PlotSeries> plot;
    double slot_hours = 0;
    for (const std::string& name : *traces) {
        std::string why;
        const std::optional<TraceFile> file = load_trace(options.data, name, why);
        if (!file) {
            context.complain(why);
            return Exit::usage;
        }
        const experiments::Trace trace =
            file->on_hosts(static_cast<std::size_t>(options.hosts), options.mean_utilisation);
        slot_hours = trace.slot_seconds / 3600.0;
        plot.clear();  // the plot shows the last trace
        for (const Contender& contender : *contenders) {
            Outcome outcome = replay(trace, options, contender);
            add_row(table, trace.name, contender.name, outcome);
            plot.push_back({contender.name, std::move(outcome.stddev_by_slot), {}});
        }
    }
    const Exit written = put_report(context, options.report, table);
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    context.explain("peak resident memory: " + std::to_string(usage.ru_maxrss / 1024) +
                    " MiB, traces included");
    const PlotLabels labels{traces->back() + ": standard deviation of CPU over hosts", "hours",
                            "utilisation"};
    return written != Exit::ok ? written
                               : put_plot(context, options.report, line_plot(labels, slot_hours, plot));
}

}  // namespace

Action declare_simulate_trace(Options& options) {
    const auto state = std::make_shared<TraceOptions>();
    options.argument("TRACE", &state->traces, "traces to replay; all that the folder has when none is named");
    options.value("--data", &state->data, "FOLDER", "where the traces lie; else the variable BALLAST_DATA")
        .completes(Completes::folders);
    options.value("--policy", &state->policies, "NAME", "a policy to try; all when none is named");
    options.value("--set", &state->settings, "NAME=VALUE", "a parameter of the policies");
    options.flag("--no-baselines", state->no_baselines, "leave the trivial balancers out");
    options.value("--hosts", &state->hosts, "N", "hosts in the pool")
        .between(1, static_cast<double>(hosts_max));
    options
        .value("--mean-utilisation", &state->mean_utilisation, "SHARE",
               "give the hosts so many cores that this is the pool's mean utilisation; 0: as the trace says")
        .between(0, 1);
    options.flag("--instant", state->migration.instant, "moves take no time and cost nothing");
    options
        .value("--link-mbps", &state->migration.link_mbps, "MBPS",
               "what one migration may use of the network")
        .between(1, 1e6);
    options.value("--dom0-cores", &state->migration.dom0_cores, "CORES", "used on either host by a migration")
        .between(0, 64);
    options
        .value("--slow-down", &state->migration.slow_down, "SHARE",
               "of its demand that a guest goes short of while it is copied")
        .between(0, 1);
    declare_report(options, state->report, "plot the standard deviation over time, of the last trace");
    return [state](Context& context) { return simulate_trace(context, *state); };
}

}  // namespace ballast::cli::offline
