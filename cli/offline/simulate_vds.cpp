#include "cli/offline/simulate_vds.hpp"

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "cli/offline/output.hpp"
#include "cli/offline/settings.hpp"
#include "cli/offline/statistics.hpp"
#include "cli/offline/svg_plot.hpp"
#include "sim/experiments/vds_simulation.hpp"

namespace ballast::cli::offline {

namespace {

using experiments::VdsAdmission;
using experiments::VdsLoad;
using experiments::VdsPlacement;

constexpr std::array<double, 4> paper_thresholds{0.6, 0.7, 0.8, 0.9};
constexpr double wide_rate = 0.3;  // the paper's second rate for 4A and 4C

// MAXLOADCOUNT for which the readings below give the paper's figures without migration: 46 denials, 108
// users.
constexpr std::int64_t calibrated_loads_max = 55;

struct VdsOptions {
    std::vector<std::string> policies;
    std::vector<std::string> settings;
    std::vector<std::string> thresholds;
    std::int64_t seeds = 100;
    std::int64_t first_seed = 1;
    std::int64_t loads_max = calibrated_loads_max;
    std::string placement = "round-robin";
    std::string admission = "room-for-most";
    std::string load = "own-maximum";
    std::string plot = "denials";
    ReportOptions report;
};

template <class Enum>
struct Word {
    std::string_view word;
    Enum value;
};
constexpr std::array placements{Word{"least-loaded", VdsPlacement::least_loaded},
                                Word{"random", VdsPlacement::random_host},
                                Word{"round-robin", VdsPlacement::round_robin}};
constexpr std::array admissions{
    Word{"room-for-mean", VdsAdmission::room_for_mean}, Word{"room-for-most", VdsAdmission::room_for_most},
    Word{"not-saturated", VdsAdmission::not_saturated}, Word{"below-critical", VdsAdmission::below_critical}};
constexpr std::array loads{Word{"fresh", VdsLoad::fresh}, Word{"own-maximum", VdsLoad::own_maximum}};

template <class Words>
std::vector<std::string> words_of(const Words& words) {
    std::vector<std::string> list;
    for (const auto& row : words) {
        list.emplace_back(row.word);
    }
    return list;
}

// The word is one of the list: the parser has seen to it.
template <class Words>
auto value_of(const Words& words, std::string_view word) {
    auto value = words[0].value;
    for (const auto& row : words) {
        value = row.word == word ? row.value : value;
    }
    return value;
}

// A policy, under the name that the table shows, with its own parameters.
struct Variant {
    std::string name;
    const policy::Policy* policy = nullptr;
    policy::Parameters parameters;
};

// 4A and 4C at 30 % beside 10 %, as in the paper, unless the rates are set by hand.
std::vector<Variant> variants_of(const std::vector<const policy::Policy*>& policies,
                                 const policy::Parameters& parameters) {
    std::vector<Variant> variants;
    for (const policy::Policy* policy : policies) {
        variants.push_back({std::string{policy->name}, policy, parameters});
        const bool by_rate = policy->guests == policy::GuestRule::uppermost;
        if (by_rate && parameters.guest_rate == 0 && parameters.host_rate == 0) {
            variants.push_back({std::string{policy->name} + " 30%", policy, parameters});
            variants.back().parameters.guest_rate = wide_rate;
            variants.back().parameters.host_rate = wide_rate;
        }
    }
    return variants;
}

struct VdsTotals {
    Statistics denied_cpu;
    Statistics denied_memory;
    Statistics denied;
    Statistics migrations;
    Statistics given_up;
    Statistics users_max;
};

experiments::VdsSettings settings_of(const VdsOptions& options, double critical_load) {
    experiments::VdsSettings settings;
    settings.loads_max = static_cast<std::uint32_t>(options.loads_max);
    settings.placement = value_of(placements, options.placement);
    settings.admission = value_of(admissions, options.admission);
    settings.load = value_of(loads, options.load);
    settings.critical_load = critical_load;
    return settings;
}

VdsTotals vds_of_seeds(const VdsOptions& options, const Variant& variant, double critical_load) {
    experiments::VdsSettings settings = settings_of(options, critical_load);
    policy::Parameters parameters = variant.parameters;
    parameters.critical_load = critical_load;
    parameters.window = settings.window;
    std::vector<std::byte> memory;
    const auto lay_out = [&](Arena& arena) {
        return std::pair{
            experiments::VdsSimulation{arena, settings.hosts, settings.guests},
            experiments::PolicyDecider{*variant.policy, parameters, arena, settings.hosts, settings.guests}};
    };
    Arena counting;
    (void)lay_out(counting);
    memory.resize(counting.used_bytes());
    Arena arena{memory};
    auto [simulation, decider] = lay_out(arena);
    VdsTotals totals;
    for (std::int64_t run = 0; run < options.seeds; ++run) {
        settings.seed = static_cast<std::uint64_t>(options.first_seed + run);
        const experiments::VdsResult result = simulation.run(settings, decider);
        totals.denied_cpu.add(result.denied_cpu);
        totals.denied_memory.add(result.denied_memory);
        totals.denied.add(result.denied());
        totals.migrations.add(result.migrations);
        totals.given_up.add(result.given_up);
        totals.users_max.add(result.users_max);
    }
    return totals;
}

std::optional<std::vector<double>> thresholds_of(const Context& context, const VdsOptions& options) {
    if (options.thresholds.empty()) {
        return std::vector<double>{paper_thresholds.begin(), paper_thresholds.end()};
    }
    std::vector<double> thresholds;
    for (const std::string& text : options.thresholds) {
        policy::Parameters checked;
        if (const auto error = policy::set(checked, "critical_load", text)) {
            context.complain("--critical " + text + ": " + std::string{error->view()});
            return std::nullopt;
        }
        thresholds.push_back(checked.critical_load);
    }
    return thresholds;
}

const Statistics& plotted(const VdsTotals& totals, const std::string& plot) {
    return plot == "migrations" ? totals.migrations : plot == "users" ? totals.users_max : totals.denied;
}

Exit simulate_vds(Context& context, const VdsOptions& options) {
    std::string why;
    const auto policies = choose_policies(options.policies, why);
    const auto parameters = policies ? apply_settings(options.settings, *policies, why) : std::nullopt;
    if (!parameters) {
        context.complain(why);
        return Exit::usage;
    }
    const auto thresholds = thresholds_of(context, options);
    if (!thresholds) {
        return Exit::usage;
    }
    Report table{{"<policy", "critical", "<denied (CPU)", "<denied (memory)", "<denied", "<migrations",
                  "<given up", "<users at most"}};
    std::vector<std::string> categories;
    std::vector<PlotSeries> bars(thresholds->size());
    for (const Variant& variant : variants_of(*policies, *parameters)) {
        categories.push_back(variant.name);
        for (std::size_t i = 0; i < thresholds->size(); ++i) {
            const double critical_load = (*thresholds)[i];
            const VdsTotals totals = vds_of_seeds(options, variant, critical_load);
            table.row({variant.name, decimals(critical_load, 2), totals.denied_cpu.text(),
                       totals.denied_memory.text(), totals.denied.text(), totals.migrations.text(),
                       totals.given_up.text(), totals.users_max.text()});
            const Statistics& shown = plotted(totals, options.plot);
            bars[i].name = "critical load " + decimals(critical_load * 100, 0) + " %";
            bars[i].values.push_back(shown.mean());
            bars[i].spread.push_back(shown.stddev());
        }
    }
    const Exit written = put_report(context, options.report, table);
    const std::string what = options.plot == "users" ? "users at one time, at most" : options.plot;
    const PlotLabels labels{
        "VDS simulation: " + what + ", mean of " + std::to_string(options.seeds) + " seeds", "policy", what};
    return written != Exit::ok ? written
                               : put_plot(context, options.report, bar_plot(labels, categories, bars));
}

}  // namespace

Action declare_simulate_vds(Options& options) {
    const auto state = std::make_shared<VdsOptions>();
    options.value("--policy", &state->policies, "NAME", "a policy to try; all when none is named");
    options.value("--set", &state->settings, "NAME=VALUE", "a parameter of the policies");
    options.value("--critical", &state->thresholds, "SHARE",
                  "a critical load to try; else 0.6, 0.7, 0.8 and 0.9");
    options.value("--seeds", &state->seeds, "N", "how many runs each figure is the mean of")
        .between(1, 100'000);
    options.value("--seed", &state->first_seed, "N", "the first of them").between(0, 1e15);
    options.value("--max-loads", &state->loads_max, "N", "MAXLOADCOUNT: a guest ends after 1 to N loads")
        .between(1, 1e6);
    options.value("--placement", &state->placement, "HOW", "host of a new guest")
        .one_of(words_of(placements));
    options.value("--admission", &state->admission, "HOW", "when a creation is denied for lack of CPU")
        .one_of(words_of(admissions));
    options
        .value("--load", &state->load, "HOW",
               "a guest's loads: each below MAXLOAD, or below a maximum of its own")
        .one_of(words_of(loads));
    options.value("--plot", &state->plot, "WHAT", "what --svg shows")
        .one_of({"denials", "migrations", "users"});
    declare_report(options, state->report, "plot one figure for every policy and critical load");
    return [state](Context& context) { return simulate_vds(context, *state); };
}

}  // namespace ballast::cli::offline
