#include "cli/offline/simulate_pool.hpp"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/offline/output.hpp"
#include "cli/offline/planning.hpp"
#include "cli/offline/settings.hpp"

namespace ballast::cli::offline {

namespace {

struct PoolOptions {
    std::string pool;
    std::vector<std::string> policies;
    std::vector<std::string> settings;
    std::vector<std::string> drained;
    std::int64_t rounds = 20;
    std::int64_t every_seconds = 300;
    ReportOptions report;
};

// The pool of the file, as the rounds change it; what its loads are stays.
struct World {
    std::vector<policy::Host> hosts;
    std::vector<policy::Vm> vms;

    explicit World(const policy::Pool& pool)
        : hosts(pool.hosts.begin(), pool.hosts.end()), vms(pool.vms.begin(), pool.vms.end()) {}

    void go(policy::VmIndex vm, policy::HostIndex to) {
        vms[vm].came_from = vms[vm].host;
        vms[vm].host = to;
        vms[vm].last_moved_seconds_ago = 0;
    }
    void carry_out(const policy::Plan& plan) {
        for (const policy::Move& move : plan.moves.items()) {
            go(move.vm, move.to);
            if (move.with != policy::no_index) {
                go(move.with, move.from);
            }
            for (const policy::VmIndex with : move.with_more.span()) {
                go(with, move.from);
            }
        }
    }
    void wait(std::int64_t seconds) {
        for (policy::Vm& vm : vms) {
            if (vm.last_moved_seconds_ago.has_value()) {
                *vm.last_moved_seconds_ago += seconds;
            }
        }
    }
    std::size_t left_on(HostState state) const {
        return static_cast<std::size_t>(std::ranges::count_if(vms, [&](const policy::Vm& vm) {
            return vm.host < hosts.size() && hosts[vm.host].state == state;
        }));
    }
};

// False with a sentence in `why` when there is no such host.
bool drain(World& world, const std::vector<std::string>& names, std::string& why) {
    for (const std::string& name : names) {
        const auto host = std::ranges::find(world.hosts, std::string_view{name}, &policy::Host::name);
        if (host == world.hosts.end()) {
            why = "--drain " + name + ": the pool has no such host";
            return false;
        }
        host->state = HostState::draining;
    }
    return true;
}

Exit simulate_pool(Context& context, PoolOptions in) {
    if (in.policies.empty()) {
        in.policies.emplace_back("ballast");
    }
    std::string why;
    const auto policies = choose_policies(in.policies, why);
    const auto parameters = policies ? apply_settings(in.settings, *policies, why) : std::nullopt;
    const auto file = parameters ? read_pool(in.pool, why) : std::nullopt;
    std::optional<World> world;
    if (file) {
        world.emplace(file->pool());
    }
    if (!world || !drain(*world, in.drained, why)) {
        context.complain(why);
        return Exit::usage;
    }
    Report table{{"round", "moves", "GiB_moved", "cpu_sd", "cpu_sd_after", "mem_sd_after", "to_drain"}};
    for (std::int64_t round = 1; round <= in.rounds; ++round) {
        policy::Pool pool = file->pool();
        pool.hosts = world->hosts;
        pool.vms = world->vms;
        const Planning planning{pool, *policies->front(), *parameters};
        const policy::Plan& plan = planning.plan();
        world->carry_out(plan);
        table.row({std::to_string(round), std::to_string(planning.guests_moved()),
                   decimals(planning.gib_moved(), 1), decimals(plan.before.cpu_stddev, 4),
                   decimals(plan.after.cpu_stddev, 4), decimals(plan.after.memory_used_stddev, 4),
                   std::to_string(world->left_on(HostState::draining))});
        if (plan.moves.empty()) {
            break;
        }
        world->wait(in.every_seconds);
    }
    return put_report(context, in.report, table);
}

}  // namespace

Action declare_simulate_pool(Options& options) {
    const auto in = std::make_shared<PoolOptions>();
    options
        .value("--pool", &in->pool, "FILE",
               "snapshot of a pool, ballast-pool/1, or a support bundle; - for standard input")
        .required()
        .completes(Completes::files);
    options.value("--policy", &in->policies, "NAME", "policy: " + policy_names());
    options.value("--set", &in->settings, "NAME=VALUE", "a parameter of the policy");
    options.value("--drain", &in->drained, "HOST", "what if this host were to be emptied");
    options.value("--rounds", &in->rounds, "N", "at most so many rounds (default 20)").between(1, 10000);
    options.value("--every", &in->every_seconds, "SECONDS", "time from one round to the next (default 300)")
        .between(0, 86400);
    declare_table(options, in->report);
    return [in](Context& context) { return simulate_pool(context, *in); };
}

}  // namespace ballast::cli::offline
