#include "cli/offline/simulate_scoa.hpp"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "cli/offline/output.hpp"
#include "cli/offline/settings.hpp"
#include "cli/offline/statistics.hpp"
#include "cli/offline/svg_plot.hpp"
#include "sim/experiments/scoa_simulation.hpp"

namespace ballast::cli::offline {

namespace {

struct ScoaOptions {
    std::vector<std::string> policies;
    std::vector<std::string> settings;
    std::int64_t seeds = 100;
    std::int64_t first_seed = 1;
    double threshold = 0.79;
    double hardware_limit = 0.90;
    std::string start = "blocks";
    ReportOptions report;
};

// One sample an hour: every policy judges that hour alone, as the paper's do; --set changes it. The planner
// relieves at the threshold itself, evens out on half a day, and weighs the three resources alike. What the
// experiment counts is actions, not bytes (its hosts have no memory in GiB, only shares of it): a move has a
// price of its own, at which the deviations come out as SCOA's. N+1 and the way back are no rules there.
policy::Parameters hourly(double threshold) {
    policy::Parameters parameters;
    parameters.critical_load = threshold;
    parameters.window = 1;
    parameters.hot_samples = 1;
    parameters.hot_window = 1;
    constexpr std::uint32_t hour_seconds = 3600;
    parameters.relief_seconds = hour_seconds;
    parameters.balance_seconds = 12 * hour_seconds;
    parameters.hysteresis = 0;
    parameters.relief_margin = 0.05;
    parameters.weight_memory = 1;
    parameters.price_per_move = 0.1;
    parameters.swap_counts = 1;
    parameters.price_per_gib = 0;
    parameters.calm_price = 1;
    return parameters;
}

struct ScoaTotals {
    Statistics overloads;
    Statistics migrations;
    Statistics swaps;
    Statistics guests_moved;
    Statistics no_solution;
    Statistics above_limit;
    Statistics cpu_stddev;
    Statistics net_stddev;
    Statistics memory_stddev;
    Statistics mean_stddev;
    std::vector<double> cpu_stddev_by_hour = std::vector<double>(experiments::scoa_hours);
};

void add(ScoaTotals& totals, const experiments::ScoaResult& result) {
    totals.overloads.add(result.overloads);
    totals.migrations.add(result.migrations);
    totals.swaps.add(result.swaps);
    totals.guests_moved.add(result.guests_moved);
    totals.no_solution.add(result.no_solution);
    totals.above_limit.add(result.above_limit);
    totals.cpu_stddev.add(result.cpu_stddev);
    totals.net_stddev.add(result.net_stddev);
    totals.memory_stddev.add(result.memory_stddev);
    totals.mean_stddev.add(result.mean_stddev());
}

ScoaTotals scoa_of_seeds(const ScoaOptions& options, const policy::Policy& policy,
                         const policy::Parameters& parameters) {
    const auto lay_out = [&](Arena& arena) {
        return std::pair{experiments::ScoaSimulation{arena},
                         experiments::PolicyDecider{policy, parameters, arena, experiments::scoa_hosts,
                                                    experiments::scoa_guests}};
    };
    Arena counting;
    (void)lay_out(counting);
    std::vector<std::byte> memory(counting.used_bytes());
    Arena arena{memory};
    auto [simulation, decider] = lay_out(arena);
    ScoaTotals totals;
    std::vector<double> by_hour(experiments::scoa_hours);
    for (std::int64_t run = 0; run < options.seeds; ++run) {
        const experiments::ScoaSettings settings{options.threshold, options.hardware_limit,
                                                 options.start == "blocks",
                                                 static_cast<std::uint64_t>(options.first_seed + run)};
        add(totals, simulation.run(settings, decider, by_hour));
        for (std::size_t hour = 0; hour < by_hour.size(); ++hour) {
            totals.cpu_stddev_by_hour[hour] += by_hour[hour] / static_cast<double>(options.seeds);
        }
    }
    return totals;
}

Exit simulate_scoa(Context& context, ScoaOptions& options) {
    std::string why;
    const auto policies = choose_policies(options.policies, why);
    const auto parameters =
        policies ? apply_settings(options.settings, *policies, why, hourly(options.threshold)) : std::nullopt;
    if (!parameters) {
        context.complain(why);
        return Exit::usage;
    }
    Report table{{"<policy", "<overloads", "<migrations", "<swaps", "<guests moved", "<no solution",
                  "<above limit", "<sd CPU", "<sd net", "<sd memory", "<sd mean"}};
    std::vector<PlotSeries> lines;
    for (const policy::Policy* policy : *policies) {
        const ScoaTotals totals = scoa_of_seeds(options, *policy, *parameters);
        table.row({std::string{policy->name}, totals.overloads.text(), totals.migrations.text(),
                   totals.swaps.text(), totals.guests_moved.text(), totals.no_solution.text(),
                   totals.above_limit.text(), totals.cpu_stddev.text(4), totals.net_stddev.text(4),
                   totals.memory_stddev.text(4), totals.mean_stddev.text(4)});
        lines.push_back({std::string{policy->name}, totals.cpu_stddev_by_hour, {}});
    }
    const Exit written = put_report(context, options.report, table);
    const PlotLabels labels{"SCOA experiment: standard deviation of CPU over hosts, mean of " +
                                std::to_string(options.seeds) + " seeds",
                            "hour", "utilisation"};
    return written != Exit::ok ? written : put_plot(context, options.report, line_plot(labels, 1, lines));
}

}  // namespace

Action declare_simulate_scoa(Options& options) {
    const auto state = std::make_shared<ScoaOptions>();
    options.value("--policy", &state->policies, "NAME", "a policy to try; all when none is named");
    options.value("--set", &state->settings, "NAME=VALUE", "a parameter of the policies");
    options.value("--seeds", &state->seeds, "N", "how many runs each figure is the mean of")
        .between(1, 100'000);
    options.value("--seed", &state->first_seed, "N", "the first of them").between(0, 1e15);
    options
        .value("--threshold", &state->threshold, "SHARE", "of each resource; above it a host is overloaded")
        .between(0.01, 1);
    options.value("--limit", &state->hardware_limit, "SHARE", "what counts as all that a host has")
        .between(0.01, 1);
    options
        .value("--start", &state->start, "HOW", "where guests start: six by six, or one to each host in turn")
        .one_of({"blocks", "round-robin"});
    declare_report(options, state->report, "plot the standard deviation of CPU over the hours");
    return [state](Context& context) { return simulate_scoa(context, *state); };
}

}  // namespace ballast::cli::offline
