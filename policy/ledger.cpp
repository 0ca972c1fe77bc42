#include "policy/ledger.hpp"

#include <algorithm>
#include <cmath>

#include "policy/judge.hpp"
#include "policy/means.hpp"

namespace ballast::policy {
namespace {

// Marks of a guest.
constexpr std::uint8_t moved = 1;  // by this plan
constexpr std::uint8_t told = 2;   // that its cool-down keeps it

Amounts part_of_host(const Amounts& amounts, const Host& host) noexcept {
    const Amounts all = capacity(host);
    Amounts out;
    for (const Resource resource : all_resources) {
        out[resource] = share(amounts[resource], all[resource]);
    }
    return out;
}

std::int64_t memory_of(const Vm& vm) noexcept {
    return static_cast<std::int64_t>(vm.memory_mib);
}

}  // namespace

Amounts plus(const Amounts& a, const Amounts& b) noexcept {
    Amounts out;
    for (std::size_t i = 0; i < resource_count; ++i) {
        out.values[i] = a.values[i] + b.values[i];
    }
    return out;
}

Amounts minus(const Amounts& a, const Amounts& b) noexcept {
    Amounts out;
    for (std::size_t i = 0; i < resource_count; ++i) {
        out.values[i] = a.values[i] - b.values[i];
    }
    return out;
}

Ledger::Ledger(const Pool& pool, const Parameters& parameters, Workspace& workspace, Plan& out,
               Load load) noexcept
    : pool_{pool}, parameters_{parameters}, workspace_{workspace}, out_{out}, counted_{load} {
    for (const Resource resource : all_resources) {
        limits_[resource] = threshold(parameters, resource);
    }
    for (HostIndex h = 0; h < pool.hosts.size(); ++h) {
        workspace.host_planned[h] = utilisation(workspace.host_load[h]);
        workspace.memory_planned_mib[h] = workspace.memory_used_mib[h];
    }
    for (VmIndex v = 0; v < pool.vms.size(); ++v) {
        workspace.vm_marks[v] = 0;
        if (load == Load::peak && pool.vms[v].host != no_index && holds_memory(pool.vms[v])) {
            const HostIndex h = pool.vms[v].host;
            const Amounts above = minus(workspace.vm_peak[v], workspace.vm_mean[v]);
            workspace.host_planned[h] = plus(workspace.host_planned[h], part_of_host(above, pool.hosts[h]));
        }
    }
    group_guests();
}

// A counting sort by host: the guests of host h lie at vm_by_host[host_first[h]] and on.
void Ledger::group_guests() noexcept {
    const std::span<std::uint32_t> first = workspace_.host_first.first(pool_.hosts.size() + 1);
    std::fill(first.begin(), first.end(), 0U);
    for (const Vm& each : pool_.vms) {
        if (each.host != no_index) {
            ++first[each.host + 1];
        }
    }
    for (std::size_t h = 1; h < first.size(); ++h) {
        first[h] += first[h - 1];
    }
    // Filling moves every start to its end, which is the next one's start.
    for (VmIndex v = 0; v < pool_.vms.size(); ++v) {
        if (pool_.vms[v].host != no_index) {
            workspace_.vm_by_host[first[pool_.vms[v].host]++] = v;
        }
    }
    for (std::size_t h = first.size() - 1; h > 0; --h) {
        first[h] = first[h - 1];
    }
    first[0] = 0;
}

std::span<VmIndex> Ledger::guests(HostIndex h) noexcept {
    const std::uint32_t first = workspace_.host_first[h];
    return workspace_.vm_by_host.subspan(first, workspace_.host_first[h + 1] - first);
}

Amounts Ledger::part(VmIndex v, HostIndex h) const noexcept {
    return part_of_host(counted_ == Load::peak ? workspace_.vm_peak[v] : workspace_.vm_mean[v], host(h));
}

Amounts Ledger::peak_part(VmIndex v, HostIndex h) const noexcept {
    return part_of_host(workspace_.vm_peak[v], host(h));
}

void Ledger::raise(HostIndex h, Resource resource, double utilisation) noexcept {
    double& planned = workspace_.host_planned[h][resource];
    planned = std::max(planned, utilisation);
}

bool Ledger::weighed(Resource resource) const noexcept {
    return std::isfinite(limits_[resource]);
}

std::optional<Excess> Ledger::excess(const Amounts& load) const noexcept {
    std::optional<Excess> worst;
    for (const Resource resource : all_resources) {
        const double above = load[resource] - limits_[resource];
        if (above > load_tolerance && (!worst || above > worst->have - worst->limit)) {
            worst = Excess{resource, load[resource], limits_[resource]};
        }
    }
    return worst;
}

Amounts Ledger::room(HostIndex h) const noexcept {
    const Amounts all = capacity(host(h));
    Amounts out;
    for (const Resource resource : all_resources) {
        out[resource] = weighed(resource) && all[resource] > 0
                            ? (limits_[resource] - load(h)[resource]) * all[resource]
                            : no_ceiling;
    }
    return out;
}

bool Ledger::may_move(VmIndex v, bool wanted) noexcept {
    const Vm& guest = vm(v);
    std::uint8_t& marks = workspace_.vm_marks[v];
    if ((marks & moved) != 0 || guest.state != VmState::running || guest.moving_to != no_index ||
        !guest.movable) {
        return false;  // its verdict follows from its state
    }
    const auto ago = settled_seconds(guest);
    if (ago && *ago < std::int64_t{parameters_.cool_down_seconds}) {
        if (wanted && (marks & told) == 0) {
            marks |= told;
            out_.reject({v, no_index, Constraint::cool_down, static_cast<double>(*ago),
                         double(parameters_.cool_down_seconds)});
        }
        return false;
    }
    return true;
}

bool Ledger::may_give(HostIndex h) noexcept {
    const auto samples = static_cast<double>(host(h).dom0_cpu_cores.size());
    if (samples < parameters_.samples_min) {
        out_.reject({no_index, h, Constraint::too_few_samples, samples, double(parameters_.samples_min)});
        return false;
    }
    if (host(h).migrations_out >= parameters_.in_flight_max) {
        // What it measures now still holds the guest that is leaving.
        out_.reject({no_index, h, Constraint::source_in_flight, double(host(h).migrations_out) + 1,
                     double(parameters_.in_flight_max)});
        return false;
    }
    return true;
}

bool Ledger::may_take(HostIndex h, VmIndex v) noexcept {
    if (host(h).site != host(pool_.vms[v].host).site) {
        out_.reject({v, h, Constraint::other_site, 0, 1});
        return false;
    }
    if (host(h).migrations_in >= parameters_.in_flight_max) {
        out_.reject({v, h, Constraint::destination_in_flight, double(host(h).migrations_in) + 1,
                     double(parameters_.in_flight_max)});
        return false;
    }
    return true;
}

bool Ledger::has_room(std::size_t migrations, VmIndex v) noexcept {
    const std::size_t buffer = out_.moves.capacity();
    const std::size_t most =
        parameters_.moves_max == 0 ? buffer : std::min<std::size_t>(buffer, parameters_.moves_max);
    if (migrations_ + migrations > most) {
        out_.reject({v, no_index, Constraint::moves_max, static_cast<double>(migrations_ + migrations),
                     static_cast<double>(most)});
        return false;
    }
    return true;
}

bool Ledger::group_allows(VmIndex v, HostIndex to, std::span<const VmIndex> leaving) noexcept {
    const std::string_view group = vm(v).anti_affinity;
    if (group.empty()) {
        return true;
    }
    double there = 1;
    const auto count = [&](VmIndex other) {
        const bool leaves = std::find(leaving.begin(), leaving.end(), other) != leaving.end();
        there += other != v && !leaves && vm(other).anti_affinity == group ? 1 : 0;
    };
    for (const VmIndex resident : guests(to)) {
        if ((workspace_.vm_marks[resident] & moved) == 0) {
            count(resident);
        }
    }
    for (const Move& move : out_.moves.items()) {
        for (const Leg& leg : legs(move)) {
            if (leg.to == to) {
                count(leg.vm);
            }
        }
    }
    if (there > 1) {
        out_.reject({v, to, Constraint::anti_affinity, there, 1});
    }
    return there <= 1;
}

std::int64_t Ledger::free_mib(HostIndex h) const noexcept {
    return static_cast<std::int64_t>(memory_for_guests_mib(host(h))) -
           static_cast<std::int64_t>(workspace_.memory_planned_mib[h]);
}

bool Ledger::memory_fits(VmIndex v, HostIndex to) noexcept {
    if (memory_of(vm(v)) <= free_mib(to)) {
        return true;
    }
    out_.reject({v, to, Constraint::destination_memory,
                 static_cast<double>(workspace_.memory_planned_mib[to] + vm(v).memory_mib),
                 static_cast<double>(memory_for_guests_mib(host(to)))});
    return false;
}

std::optional<std::uint32_t> Ledger::swap_order(VmIndex v, HostIndex from, HostIndex to,
                                                std::span<const VmIndex> others) const noexcept {
    std::int64_t free_from = free_mib(from);
    std::int64_t free_to = free_mib(to);
    std::optional<std::uint32_t> order;
    // `v` leaves as soon as there is room for it: that makes most room for the others.
    for (std::uint32_t i = 0; i <= others.size(); ++i) {
        if (!order && memory_of(vm(v)) <= free_to) {
            order = i;
            free_from += memory_of(vm(v));
        }
        if (i < others.size()) {
            const std::int64_t need = memory_of(vm(others[i]));
            if (need > free_from) {
                return std::nullopt;
            }
            free_from -= need;
            free_to += need;
        }
    }
    return order;
}

Move Ledger::make_move(VmIndex v, HostIndex from, HostIndex to, std::span<const VmIndex> others,
                       std::uint32_t others_first) const noexcept {
    Move move;
    move.kind = others.empty() ? MoveKind::migrate : MoveKind::swap;
    move.vm = v;
    move.from = from;
    move.to = to;
    move.memory_mib = vm(v).memory_mib;
    move.vm_cpu_cores = workspace_.vm_mean[v][Resource::cpu];
    move.with_first = others_first;
    for (const VmIndex other : others) {
        move.memory_mib += vm(other).memory_mib;
        if (move.with == no_index) {
            move.with = other;
        } else {
            move.with_more.push(other);
        }
    }
    return move;
}

void Ledger::commit(const Move& move) noexcept {
    for (const Leg& leg : legs(move)) {
        Amounts& source = workspace_.host_planned[leg.from];
        Amounts& destination = workspace_.host_planned[leg.to];
        source = minus(source, part(leg.vm, leg.from));
        destination = plus(destination, part(leg.vm, leg.to));
        workspace_.memory_planned_mib[leg.from] -= vm(leg.vm).memory_mib;
        workspace_.memory_planned_mib[leg.to] += vm(leg.vm).memory_mib;
        workspace_.vm_marks[leg.vm] |= moved;
        ++migrations_;
    }
    out_.moves.push(move);
    ++commits_;
}

}  // namespace ballast::policy
