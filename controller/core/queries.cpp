// Reading: what the shell renders.
#include <algorithm>
#include <utility>

#include "controller/core/core.hpp"
#include "controller/core/step.hpp"
#include "policy/means.hpp"

namespace ballast::controller {
namespace {

std::uint64_t resident_mib(const VmRow& vm) noexcept {
    return vm.state == VmState::saved || only_a_file_goes(vm) ? 0 : vm.memory_mib;
}

// Of guests that are on their way to the host, or from it and already elsewhere.
std::uint64_t arriving_mib(const Tables& t, std::uint32_t row) noexcept {
    const HostRow& host = t.hosts[row];
    if (host.migrations_in + host.migrations_out == 0) {
        return 0;
    }
    std::uint64_t arriving = 0;
    for (std::uint32_t i = 0; i < t.jobs.rows().size(); ++i) {
        const JobRow& job = t.jobs[i];
        const bool moves = job.in_use && job.record.kind == JobKind::migrate && job.vm != no_row;
        if (moves && t.vms[job.vm].job == i && t.vms[job.vm].host != row &&
            job.other_host(t.vms[job.vm].host) == row) {
            arriving += t.vms[job.vm].memory_mib;
        }
    }
    return arriving;
}

}  // namespace

std::span<const HostRow> Core::hosts() const noexcept {
    return std::as_const(tables_->hosts).rows();
}
std::span<const VmRow> Core::vms() const noexcept {
    return std::as_const(tables_->vms).rows();
}
std::span<const JobRow> Core::jobs() const noexcept {
    return std::as_const(tables_->jobs).rows();
}
std::span<const PlanRow> Core::plans() const noexcept {
    return std::as_const(tables_->plans).rows();
}
std::span<const LinkRow> Core::links() const noexcept {
    return std::as_const(tables_->links).rows();
}
const HostRow& Core::host(std::uint32_t row) const noexcept {
    return tables_->hosts[row];
}
const VmRow& Core::vm(std::uint32_t row) const noexcept {
    return tables_->vms[row];
}
const JobRow& Core::job(std::uint32_t row) const noexcept {
    return tables_->jobs[row];
}
PlanView Core::plan(std::uint32_t row) const noexcept {
    return tables_->plans[row].view();
}
const DefinitionRow& Core::definition(std::uint32_t row) const noexcept {
    return tables_->definitions[row];
}
const IdempotencyRow& Core::idempotency(std::uint32_t row) const noexcept {
    return tables_->keys[row];
}
PlanView Core::dry_plan() const noexcept {
    return tables_->dry_plan.view();
}
const Ranking& Core::last_ranking() const noexcept {
    return tables_->ranking;
}
const policy::Plan& Core::last_round() const noexcept {
    return tables_->plan;
}
const Counters& Core::counters() const noexcept {
    return tables_->counters;
}
const Uuid& Core::store_id() const noexcept {
    return tables_->identity.store_id;
}

const Settings& Core::settings() const noexcept {
    return tables_->settings;
}
std::uint32_t Core::find_job(std::uint64_t id) const noexcept {
    return find_job_row(*tables_, id);
}
std::uint32_t Core::find_plan(std::uint64_t id) const noexcept {
    return find_plan_row(*tables_, id);
}

std::uint32_t Core::find_host(std::string_view name_or_uuid) const noexcept {
    if (const auto uuid = parse_uuid(name_or_uuid)) {
        return tables_->hosts.find([&](const HostRow& host) { return host.record.uuid == *uuid; });
    }
    return find_host_by_name(*tables_, name_or_uuid);
}

std::uint32_t Core::find_vm(std::string_view name_or_uuid, bool* ambiguous) const noexcept {
    bool several = false;
    const std::uint32_t row = find_vm_row(*tables_, name_or_uuid, several);
    if (ambiguous != nullptr) {
        *ambiguous = several;
    }
    return row;
}

const DecisionRow* Core::decision(std::size_t age) const noexcept {
    return age < tables_->decisions_kept()
               ? &tables_->decisions[(tables_->last_decision - age) % tables_->decisions.size()]
               : nullptr;
}

const DecisionRow* Core::last_balancing_decision() const noexcept {
    for (std::size_t age = 0; age < tables_->decisions_kept(); ++age) {
        const DecisionRow* row = decision(age);
        if (row->kind <= DecisionKind::waiting) {
            return row;
        }
    }
    return nullptr;
}

const DecisionRow* Core::find_decision(std::uint64_t id) const noexcept {
    return id == 0 || id > tables_->last_decision
               ? nullptr
               : decision(static_cast<std::size_t>(tables_->last_decision - id));
}

FixedVector<CommandKind, 12> Core::allowed_actions(std::uint32_t vm) const noexcept {
    return actions_of(*tables_, vm);
}

Detail Core::vm_state_reason(const VmRow& vm) const noexcept {
    return state_reason(*tables_, vm);
}

double Core::vm_cpu_cores(std::uint32_t vm) const noexcept {
    return policy::mean_of_last(tables_->vms[vm].cpu_cores.values(),
                                tables_->settings.balance.parameters.window);
}

// The definitions of docs/policies.md, for one host. Asked for every host of a list: one walk over its
// guests.
policy::HostLoad Core::host_load(std::uint32_t row) const noexcept {
    const HostRow& host = tables_->hosts[row];
    const std::size_t window = tables_->settings.balance.parameters.window;
    const auto add_to = [window](double& sum) {
        return [window, &sum](const SampleSeries& series) {
            policy::for_each_of_last(series.values(), window, policy::no_ceiling,
                                     [&sum](double sample) { sum += sample; });
        };
    };
    double cores = 0;
    double net_mbps = 0;
    std::uint64_t used_mib = 0;
    add_to(cores)(host.dom0_cpu_cores);
    std::size_t instants = std::min<std::size_t>(host.dom0_cpu_cores.size, window);
    // The series of a guest are of one length: what is summed of each is what lies in the longest.
    each_guest(row, [&](const VmRow& vm) {
        instants = std::max(instants, std::min<std::size_t>(vm.cpu_cores.size, window));
        add_to(cores)(vm.cpu_cores);
        add_to(net_mbps)(vm.net_mbps);
        used_mib += resident_mib(vm);
    });
    policy::HostLoad load;
    if (instants > 0) {
        const auto count = static_cast<double>(instants);
        load.cpu = host.cpu_count > 0 ? cores / count / host.cpu_count : 0;
        load.net = host.net_mbps > 0 ? net_mbps / count / host.net_mbps : 0;
    }
    used_mib += arriving_mib(*tables_, row);
    load.memory =
        host.memory_mib > 0 ? static_cast<double>(used_mib) / static_cast<double>(host.memory_mib) : 0;
    return load;
}

std::uint64_t Core::host_memory_used_mib(std::uint32_t row) const noexcept {
    std::uint64_t used_mib = arriving_mib(*tables_, row);
    each_guest(row, [&](const VmRow& vm) { used_mib += resident_mib(vm); });
    return used_mib;
}

std::uint64_t Core::host_memory_reserved_mib(std::uint32_t row) const noexcept {
    return tables_->hosts[row].memory_overhead_mib + tables_->settings.memory_reserved_mib;
}

bool Core::policies_may_move(const VmRow& vm) const noexcept {
    return allowed_to_move(*tables_, vm);
}

std::string_view Core::vm_group(const VmRow& vm) const noexcept {
    return group_of(*tables_, vm.record.name);
}

bool Core::ready(const Now& now) const noexcept {
    const Duration patience = tables_->settings.sample_interval * tables_->settings.stale_after_intervals;
    if (now.mono - tables_->started >= patience) {
        return true;
    }
    const auto hosts = std::as_const(tables_->hosts).rows();
    return tables_->hosts.used() > 0 && std::all_of(hosts.begin(), hosts.end(), [](const HostRow& host) {
               return !host.in_use || host.samples > 0;
           });
}

}  // namespace ballast::controller
