#include "cli/offline/plan_commands.hpp"

#include <memory>
#include <string>
#include <vector>

#include "cli/offline/output.hpp"
#include "cli/offline/plan_json.hpp"
#include "cli/offline/plan_text.hpp"
#include "cli/offline/planning.hpp"
#include "cli/offline/settings.hpp"
#include "sim/experiments/spread_score.hpp"

namespace ballast::cli::offline {

namespace {

constexpr std::string_view default_policy = "ballast";

struct PlanOptions {
    std::string pool;
    std::vector<std::string> policies;
    std::vector<std::string> settings;
    bool json = false;
    double hot = 0;
    ReportOptions report;
};

void declare_pool(Options& options, PlanOptions& into) {
    options.value("--pool", &into.pool, "FILE", "snapshot of a pool, ballast-pool/1; - for standard input")
        .required()
        .completes(Completes::files);
    options.value("--policy", &into.policies, "NAME", "policy: " + policy_names());
    options.value("--set", &into.settings, "NAME=VALUE", "a parameter of the policy");
}

struct Chosen {
    std::vector<const policy::Policy*> policies;
    policy::Parameters parameters;
    PoolFile file;
};

// Everything that can be wrong with the command line or the file is said here.
std::optional<Chosen> choose(const Context& context, const PlanOptions& options) {
    std::string why;
    auto policies = choose_policies(options.policies, why);
    auto parameters = policies ? apply_settings(options.settings, *policies, why) : std::nullopt;
    auto file = parameters ? read_pool(options.pool, why) : std::nullopt;
    if (!file) {
        context.complain(why);
        return std::nullopt;
    }
    return Chosen{std::move(*policies), *parameters, std::move(*file)};
}

Exit plan(Context& context, PlanOptions& options) {
    if (options.policies.size() > 1) {
        context.complain("one --policy; to see several beside each other: ballast compare");
        return Exit::usage;
    }
    if (options.policies.empty()) {
        options.policies.emplace_back(default_policy);
    }
    const std::optional<Chosen> chosen = choose(context, options);
    if (!chosen) {
        return Exit::usage;
    }
    const Planning planning{chosen->file.pool(), *chosen->policies.front(), chosen->parameters};
    const bool json = options.json || context.format() == Format::json || context.format() == Format::ndjson;
    context.print(json ? plan_json(planning) + '\n' : plan_text(planning));
    return Exit::ok;
}

// Up hosts of which any resource is above `limit` after the plan.
std::size_t hot_hosts(const Planning& planning, double limit) {
    std::size_t count = 0;
    for (policy::HostIndex h = 0; h < planning.pool().hosts.size(); ++h) {
        const policy::Amounts load = policy::utilisation(planning.plan().after.hosts[h]);
        bool hot = false;
        for (const policy::Resource resource : policy::all_resources) {
            hot = hot || load[resource] > limit;
        }
        count += hot && planning.pool().hosts[h].state == HostState::up ? 1 : 0;
    }
    return count;
}

Exit compare(Context& context, const PlanOptions& options) {
    const std::optional<Chosen> chosen = choose(context, options);
    if (!chosen) {
        return Exit::usage;
    }
    const double hot = options.hot > 0 ? options.hot : chosen->parameters.critical_load;
    Report table{{"<policy", "score", "hot_hosts", "moves", "GiB_moved", "cpu_sd", "mem_sd", "net_sd",
                  "disk_sd", "rejected", "ms", "MiB"}};
    for (const policy::Policy* policy : chosen->policies) {
        const Planning planning{chosen->file.pool(), *policy, chosen->parameters};
        const policy::PoolLoad& after = planning.plan().after;
        constexpr double mib = 1024 * 1024;
        table.row({std::string{policy->name},
                   decimals(experiments::spread_score(planning.pool(), planning.plan()), 5),
                   std::to_string(hot_hosts(planning, hot)), std::to_string(planning.guests_moved()),
                   decimals(planning.gib_moved(), 1), decimals(after.cpu_stddev, 4),
                   decimals(after.memory_used_stddev, 4), decimals(after.net_stddev, 4),
                   decimals(after.disk_stddev, 4),
                   std::to_string(planning.plan().rejected.size() + planning.plan().rejected.left_out()),
                   decimals(planning.seconds() * 1e3, 2),
                   decimals(static_cast<double>(planning.memory_bytes()) / mib, 1)});
    }
    return put_report(context, options.report, table);
}

}  // namespace

Action declare_plan(Options& options) {
    const auto state = std::make_shared<PlanOptions>();
    declare_pool(options, *state);
    options.flag("--json", state->json, "answer in ballast-plan/1; the same as -o json");
    return [state](Context& context) { return plan(context, *state); };
}

Action declare_compare(Options& options) {
    const auto state = std::make_shared<PlanOptions>();
    declare_pool(options, *state);
    options
        .value("--hot", &state->hot, "SHARE",
               "a host is hot when any of its resources is above this after the plan; 0: critical_load")
        .between(0, 1);
    declare_table(options, state->report);
    return [state](Context& context) { return compare(context, *state); };
}

}  // namespace ballast::cli::offline
