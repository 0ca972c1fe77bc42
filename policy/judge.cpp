#include "policy/judge.hpp"

#include <algorithm>
#include <cmath>

#include "base/compose.hpp"
#include "policy/rule_words.hpp"

namespace ballast::policy {
namespace {

bool weighs_cpu_alone(Family family) noexcept {
    return family == Family::none || family == Family::vds;
}

Verdict stays(Constraint constraint, double have = 0, double limit = 1) noexcept {
    return {Verdict::Kind::stays, constraint, no_index, have, limit};
}

// Why a guest that no rule of the policy has spoken of stays.
Verdict verdict_on(const Vm& vm, const Pool& pool, const Parameters& parameters, Family family,
                   const Plan& plan) noexcept {
    const Host& host = pool.hosts[vm.host];
    if (host.state != HostState::up && host.state != HostState::draining) {
        return stays(Constraint::host_state);
    }
    if (vm.state != VmState::running || vm.moving_to != no_index) {
        return stays(Constraint::vm_state);
    }
    if (!vm.movable) {
        return stays(Constraint::not_movable);
    }
    if (host.state == HostState::draining) {
        return stays(Constraint::host_state);  // who can leave it does, without this policy
    }
    const Standing at = standing(family, parameters, vm.host, plan.before.hosts[vm.host]);
    if (!at.overloaded) {
        return stays(Constraint::not_overloaded, at.have, at.limit);
    }
    return stays(Constraint::not_selected, 0, 0);
}

void judge_vms(const Policy& policy, const Pool& pool, const Parameters& parameters, Plan& out) noexcept {
    for (VmIndex v = 0; v < pool.vms.size() && v < out.vms.size(); ++v) {
        Verdict& verdict = out.vms[v];
        if (pool.vms[v].host == no_index) {
            continue;
        }
        if (verdict.kind == Verdict::Kind::none) {
            verdict = verdict_on(pool.vms[v], pool, parameters, policy.family, out);
        }
        if (verdict.kind == Verdict::Kind::stays) {
            ++out.vms_by_rule[static_cast<std::size_t>(verdict.constraint)];
        }
    }
}

void judge_hosts(const Policy& policy, const Pool& pool, const Parameters& parameters, Plan& out) noexcept {
    for (HostIndex h = 0; h < pool.hosts.size() && h < out.hosts.size(); ++h) {
        Verdict& verdict = out.hosts[h];
        if (verdict.kind == Verdict::Kind::none) {
            const Standing at = standing(policy.family, parameters, h, out.before.hosts[h]);
            if (pool.hosts[h].state != HostState::up) {
                verdict = stays(Constraint::host_state);
            } else if (!at.overloaded) {
                verdict = stays(Constraint::not_overloaded, at.have, at.limit);
            } else {
                verdict = stays(Constraint::not_selected, 0, 0);
            }
        }
        if (verdict.kind == Verdict::Kind::stays && !pool.hosts[h].name.empty()) {
            ++out.hosts_by_rule[static_cast<std::size_t>(verdict.constraint)];
        }
    }
}

// What an operator should look into; that some series is not measured at all is no news in every round.
void append_bad_data(const Pool& pool, const DataReport& data, Detail& out) noexcept {
    const auto serious = [](DataFault fault) {
        return fault != DataFault::missing_series && fault != DataFault::zero_length &&
               fault != DataFault::capacity_unknown;
    };
    std::uint32_t count = 0;
    for (std::size_t fault = 0; fault < data_fault_count; ++fault) {
        count += serious(static_cast<DataFault>(fault)) ? data.count(static_cast<DataFault>(fault)) : 0;
    }
    for (const DataFinding& finding : data.first) {
        if (serious(finding.fault)) {
            const std::string_view name =
                finding.vm != no_index ? pool.vms[finding.vm].name : pool.hosts[finding.host].name;
            out.append_cut(
                compose("; bad data: ", count, ", first ", name, " ", to_string(finding.fault)).view());
            return;
        }
    }
    if (count > 0) {
        out.append_cut(compose("; bad data: ", count).view());
    }
}

// Before the first samples every host looks idle.
bool nothing_is_measured(const Pool& pool, const DataReport& data) noexcept {
    const auto running =
        static_cast<std::uint32_t>(std::count_if(pool.vms.begin(), pool.vms.end(), [](const Vm& vm) {
            return vm.host != no_index && vm.state == VmState::running;
        }));
    const auto absent = [&data](DataFault fault) {
        return data.counts[static_cast<std::size_t>(fault)][Resource::cpu];
    };
    return running > 0 && absent(DataFault::missing_series) + absent(DataFault::zero_length) == running;
}

Detail conclude(const Policy& policy, const Pool& pool, const Plan& out) noexcept {
    if (out.nearest.host == no_index) {
        return "nothing to do: no host is up";
    }
    const Standing& at = out.nearest;
    const auto nearest = compose(pool.hosts[at.host].name, " has ", to_string(at.resource), " at ",
                                 Decimals{at.have * 100, 1}, "% of ", Decimals{at.limit * 100, 1}, "%");
    if (!out.moves.empty()) {
        return compose(out.moves.size(), out.moves.size() == 1 ? " move: " : " moves: ", nearest);
    }
    if (!at.overloaded && nothing_is_measured(pool, out.data)) {
        return "nothing to do: no guest's load has been measured yet";
    }
    if (!at.overloaded) {
        return compose("nothing to do: no host is overloaded; the nearest, ", nearest);
    }
    if (policy.family == Family::none) {
        return compose("moves nothing; ", nearest);
    }
    const Verdict verdict = at.host < out.hosts.size() ? out.hosts[at.host] : Verdict{};
    if (verdict.kind != Verdict::Kind::stays || verdict.constraint == Constraint::not_selected) {
        return compose("no solution: ", nearest, ", and no guest of it can go anywhere");
    }
    return compose("no move: ", nearest, "; ",
                   rule_sentence(verdict.constraint, verdict.have, verdict.limit, Subject::host));
}

}  // namespace

Standing standing(Family family, const Parameters& parameters, HostIndex h, const HostLoad& load) noexcept {
    if (weighs_cpu_alone(family)) {
        return {h, Resource::cpu, load.cpu, parameters.critical_load, load.cpu >= parameters.critical_load};
    }
    const Amounts have = utilisation(load);
    Standing worst{h, Resource::cpu, have[Resource::cpu], threshold(parameters, Resource::cpu), false};
    for (const Resource resource : all_resources) {
        const double limit = family == Family::ballast ? planner_threshold(parameters, resource)
                                                       : threshold(parameters, resource);
        if (std::isfinite(limit) && have[resource] - limit > worst.have - worst.limit) {
            worst = {h, resource, have[resource], limit, false};
        }
    }
    worst.overloaded = worst.have > worst.limit + load_tolerance;
    return worst;
}

void judge(const Policy& policy, const Pool& pool, const Parameters& parameters, Plan& out) noexcept {
    for (HostIndex h = 0; h < pool.hosts.size(); ++h) {
        if (pool.hosts[h].state != HostState::up) {
            continue;
        }
        const Standing before = standing(policy.family, parameters, h, out.before.hosts[h]);
        const double gap = before.have - before.limit;
        const double best = out.nearest.have - out.nearest.limit;
        if (out.nearest.host == no_index || gap > best ||
            (gap == best && pool.hosts[h].name < pool.hosts[out.nearest.host].name)) {
            out.nearest = before;
        }
        const std::span<const HostIndex> known = out.unresolved.items();
        if (standing(policy.family, parameters, h, out.after.hosts[h]).overloaded &&
            std::find(known.begin(), known.end(), h) == known.end()) {
            out.unresolved.push(h);
        }
    }
    for (const Move& move : out.moves.items()) {
        if (move.from < out.hosts.size()) {
            out.hosts[move.from] = {Verdict::Kind::moves};
        }
        for (const Leg& leg : legs(move)) {
            if (leg.vm < out.vms.size()) {
                out.vms[leg.vm] = {Verdict::Kind::moves, Constraint::not_overloaded, leg.to, 0, 0};
            }
        }
    }
    judge_vms(policy, pool, parameters, out);
    judge_hosts(policy, pool, parameters, out);
    out.conclusion = conclude(policy, pool, out);
    append_bad_data(pool, out.data, out.conclusion);
}

}  // namespace ballast::policy
