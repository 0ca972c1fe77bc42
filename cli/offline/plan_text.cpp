#include "cli/offline/plan_text.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "cli/offline/report.hpp"
#include "policy/rule_words.hpp"

namespace ballast::cli::offline {

namespace {

using policy::no_index;

constexpr std::size_t hosts_shown_max = 40;
constexpr std::size_t rejections_shown_max = 20;

std::string host_name(const Planning& planning, policy::HostIndex h) {
    return h == no_index ? "" : std::string{planning.pool().hosts[h].name};
}

std::string vm_name(const Planning& planning, policy::VmIndex v) {
    return v == no_index ? "" : std::string{planning.pool().vms[v].name};
}

std::string percent(double share) {
    return decimals(share * 100, 1);
}

std::string moves_part(const Planning& planning) {
    if (planning.plan().moves.empty()) {
        return "";
    }
    Report table{{"wave", "<kind", "<vm", "<with", "<from", "<to", "MiB", "cores", "seconds", "<why"}};
    for (const policy::Move& move : planning.plan().moves.items()) {
        std::string with = move.kind == policy::MoveKind::swap ? vm_name(planning, move.with) : "";
        for (const policy::VmIndex other : move.with_more.span()) {
            with += "," + vm_name(planning, other);
        }
        table.row({std::to_string(move.wave), std::string{policy::to_string(move.kind)},
                   vm_name(planning, move.vm), with, host_name(planning, move.from),
                   host_name(planning, move.to), std::to_string(move.memory_mib),
                   decimals(move.vm_cpu_cores, 2), move.seconds > 0 ? decimals(move.seconds, 1) : "",
                   std::string{move.why.view()}});
    }
    std::string text = "\nMoves, in this order (those of one wave may run at once):\n" + table.text();
    if (planning.plan().moves.left_out() != 0) {
        text += fmt::format("and {} more that a plan has no room for\n", planning.plan().moves.left_out());
    }
    return text;
}

// The hosts that change or are fullest first, then the others by CPU.
std::string hosts_part(const Planning& planning) {
    const policy::Plan& plan = planning.plan();
    const std::span<const policy::Host> hosts = planning.pool().hosts;
    std::vector<policy::HostIndex> order;
    for (policy::HostIndex h = 0; h < hosts.size(); ++h) {
        order.push_back(h);
    }
    std::sort(order.begin(), order.end(), [&](policy::HostIndex a, policy::HostIndex b) {
        const double cpu_a = plan.before.hosts[a].cpu;
        const double cpu_b = plan.before.hosts[b].cpu;
        return cpu_a != cpu_b ? cpu_a > cpu_b : hosts[a].name < hosts[b].name;
    });
    Report table{{"<host", "<state", "cpu%", "after", "mem%", "after", "used%", "after", "net%", "after",
                  "disk%", "after"}};
    for (const policy::HostIndex h : std::span{order}.first(std::min(order.size(), hosts_shown_max))) {
        const policy::HostLoad& before = plan.before.hosts[h];
        const policy::HostLoad& after = plan.after.hosts[h];
        table.row({host_name(planning, h), std::string{to_string(hosts[h].state)}, percent(before.cpu),
                   percent(after.cpu), percent(before.memory), percent(after.memory),
                   percent(before.memory_used), percent(after.memory_used), percent(before.net),
                   percent(after.net), percent(before.disk), percent(after.disk)});
    }
    std::string text = "\nHosts, before and after:\n" + table.text();
    if (order.size() > hosts_shown_max) {
        text += fmt::format("and {} more with less CPU\n", order.size() - hosts_shown_max);
    }
    return text + fmt::format(
                      "standard deviation over hosts: cpu {:.4f} -> {:.4f}, memory {:.4f} -> {:.4f}, memory "
                      "used {:.4f} -> {:.4f}, net {:.4f} -> {:.4f}, disk {:.4f} -> {:.4f}\n",
                      plan.before.cpu_stddev, plan.after.cpu_stddev, plan.before.memory_stddev,
                      plan.after.memory_stddev, plan.before.memory_used_stddev, plan.after.memory_used_stddev,
                      plan.before.net_stddev, plan.after.net_stddev, plan.before.disk_stddev,
                      plan.after.disk_stddev);
}

// An example of a guest that the rule kept where it is.
std::string example(const Planning& planning, policy::Constraint rule) {
    const policy::Plan& plan = planning.plan();
    for (policy::VmIndex v = 0; v < plan.vms.size(); ++v) {
        const policy::Verdict& verdict = plan.vms[v];
        if (verdict.kind == policy::Verdict::Kind::stays && verdict.constraint == rule &&
            planning.pool().vms[v].host != no_index) {
            const std::string to = verdict.to == no_index ? "" : " to " + host_name(planning, verdict.to);
            const policy::Subject subject = policy::subject_of(true, verdict.to != no_index);
            return fmt::format("{}{}: {}", vm_name(planning, v), to,
                               policy::rule_sentence(rule, verdict.have, verdict.limit, subject).view());
        }
    }
    return "";
}

std::string stays_part(const Planning& planning) {
    Report table{{"guests", "<because", "<for example"}};
    for (std::size_t rule = 0; rule < planning.plan().vms_by_rule.size(); ++rule) {
        const auto constraint = static_cast<policy::Constraint>(rule);
        if (const std::uint32_t count = planning.plan().vms_by_rule[rule]; count != 0) {
            table.row({std::to_string(count), std::string{policy::rule_phrase(constraint)},
                       example(planning, constraint)});
        }
    }
    return table.empty() ? "" : "\nGuests that stay, by what kept them:\n" + table.text();
}

std::string rejected_part(const Planning& planning) {
    const policy::Plan& plan = planning.plan();
    Report table{{"<vm", "<to", "<why"}};
    const std::span<const policy::Rejection> all = plan.rejected.items();
    for (const policy::Rejection& rejection : all.first(std::min(all.size(), rejections_shown_max))) {
        table.row({vm_name(planning, rejection.vm), host_name(planning, rejection.to),
                   std::string{policy::rule_sentence(rejection.constraint, rejection.have, rejection.limit,
                                                     policy::subject_of(rejection.vm != policy::no_index,
                                                                        rejection.to != policy::no_index))
                                   .view()}});
    }
    if (table.empty()) {
        return "";
    }
    std::string text = "\nRejected:\n" + table.text();
    if (all.size() > rejections_shown_max || plan.rejected.left_out() != 0) {
        text +=
            fmt::format("and {} more; --json has them\n",
                        all.size() - std::min(all.size(), rejections_shown_max) + plan.rejected.left_out());
    }
    return text;
}

std::string data_part(const Planning& planning) {
    const policy::DataReport& data = planning.plan().data;
    std::string text;
    for (std::size_t fault = 0; fault < policy::data_fault_count; ++fault) {
        const auto kind = static_cast<policy::DataFault>(fault);
        if (const std::uint32_t count = data.count(kind); count != 0) {
            text += fmt::format("  {}: {}\n", policy::to_string(kind), count);
        }
    }
    return text.empty() ? "" : "\nMeasurements that a rule had to replace or leave out:\n" + text;
}

}  // namespace

std::string plan_text(const Planning& planning) {
    std::string text = fmt::format("{}: {}\n", planning.policy().name, planning.plan().conclusion.view());
    if (!planning.plan().moves.empty()) {
        text += fmt::format("{} migrations, {:.1f} GiB of guests\n", planning.guests_moved(),
                            planning.gib_moved());
    }
    if (planning.plan().search == policy::SearchEnd::cut_short) {
        text += "the search ended at time_budget_ms, before it was complete\n";
    }
    text += moves_part(planning) + hosts_part(planning) + stays_part(planning) + rejected_part(planning);
    if (!planning.plan().unresolved.empty()) {
        text += "\nStill overloaded after the plan:";
        for (const policy::HostIndex h : planning.plan().unresolved.items()) {
            text += ' ' + host_name(planning, h);
        }
        text += '\n';
    }
    return text + data_part(planning);
}

}  // namespace ballast::cli::offline
