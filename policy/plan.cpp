#include "policy/plan.hpp"

#include <algorithm>

namespace ballast::policy {

std::string_view to_string(Resource resource) noexcept {
    switch (resource) {
        case Resource::cpu: return "cpu";
        case Resource::net: return "net";
        case Resource::memory: return "memory";
        case Resource::disk: return "disk";
    }
    return "invalid";
}

std::string_view to_string(DataFault fault) noexcept {
    switch (fault) {
        case DataFault::missing_series: return "missing_series";
        case DataFault::zero_length: return "zero_length";
        case DataFault::not_a_number: return "not_a_number";
        case DataFault::negative: return "negative";
        case DataFault::infinite: return "infinite";
        case DataFault::above_capacity: return "above_capacity";
        case DataFault::stale: return "stale";
        case DataFault::capacity_unknown: return "capacity_unknown";
    }
    return "invalid";
}

std::string_view to_string(MoveKind kind) noexcept {
    switch (kind) {
        case MoveKind::migrate: return "migrate";
        case MoveKind::swap: return "swap";
    }
    return "invalid";
}

std::string_view to_string(Constraint constraint) noexcept {
    switch (constraint) {
        case Constraint::destination_memory: return "destination_memory";
        case Constraint::destination_cpu: return "destination_cpu";
        case Constraint::destination_in_flight: return "destination_in_flight";
        case Constraint::source_in_flight: return "source_in_flight";
        case Constraint::cool_down: return "cool_down";
        case Constraint::no_destination: return "no_destination";
        case Constraint::moves_max: return "moves_max";
        case Constraint::host_state: return "host_state";
        case Constraint::vm_state: return "vm_state";
        case Constraint::capability: return "capability";
        case Constraint::too_few_samples: return "too_few_samples";
        case Constraint::not_overloaded: return "not_overloaded";
        case Constraint::not_selected: return "not_selected";
        case Constraint::not_movable: return "not_movable";
        case Constraint::destination_net: return "destination_net";
        case Constraint::destination_memory_used: return "destination_memory_used";
        case Constraint::destination_disk: return "destination_disk";
        case Constraint::destination_busier: return "destination_busier";
        case Constraint::no_relief: return "no_relief";
        case Constraint::not_sustained: return "not_sustained";
        case Constraint::not_predicted: return "not_predicted";
        case Constraint::no_swap: return "no_swap";
        case Constraint::moved_already: return "moved_already";
        case Constraint::anti_affinity: return "anti_affinity";
        case Constraint::ping_pong: return "ping_pong";
        case Constraint::gain_too_small: return "gain_too_small";
        case Constraint::spare_host: return "spare_host";
        case Constraint::outside_window: return "outside_window";
        case Constraint::no_way: return "no_way";
        case Constraint::site_link: return "site_link";
        case Constraint::takes_no_images: return "takes_no_images";
        case Constraint::slower: return "slower";
        case Constraint::other_site: return "other_site";
    }
    return "invalid";
}

Constraint destination_constraint(Resource resource) noexcept {
    switch (resource) {
        case Resource::cpu: return Constraint::destination_cpu;
        case Resource::net: return Constraint::destination_net;
        case Resource::memory: return Constraint::destination_memory_used;
        case Resource::disk: return Constraint::destination_disk;
    }
    return Constraint::destination_cpu;
}

Legs legs(const Move& move) noexcept {
    Legs out;
    if (move.kind == MoveKind::migrate) {
        out.push({move.vm, move.from, move.to});
        return out;
    }
    const std::size_t others = 1 + move.with_more.size();
    for (std::size_t i = 0; i <= others; ++i) {
        if (i == move.with_first) {
            out.push({move.vm, move.from, move.to});
        }
        if (i < others) {
            out.push({i == 0 ? move.with : move.with_more[i - 1], move.to, move.from});
        }
    }
    return out;
}

void Plan::clear() noexcept {
    moves.clear();
    rejected.clear();
    unresolved.clear();
    std::fill(before.hosts.begin(), before.hosts.end(), HostLoad{});
    std::fill(after.hosts.begin(), after.hosts.end(), HostLoad{});
    std::fill(vms.begin(), vms.end(), Verdict{});
    std::fill(hosts.begin(), hosts.end(), Verdict{});
    before = PoolLoad{before.hosts};
    after = PoolLoad{after.hosts};
    source = no_index;
    vms_by_rule = hosts_by_rule = {};
    search = SearchEnd::none;
    nearest = Standing{};
    data = DataReport{};
    conclusion.clear();
}

void Plan::reject(const Rejection& rejection) noexcept {
    rejected.push(rejection);
    const Verdict verdict{Verdict::Kind::stays, rejection.constraint, rejection.to, rejection.have,
                          rejection.limit};
    if (rejection.vm != no_index) {
        if (rejection.vm < vms.size()) {
            vms[rejection.vm] = verdict;
        }
    } else if (rejection.to < hosts.size()) {
        hosts[rejection.to] = verdict;
    }
}

void Plan::pass_over(VmIndex vm, Constraint constraint, double have, double limit) noexcept {
    if (vm < vms.size()) {
        vms[vm] = {Verdict::Kind::stays, constraint, no_index, have, limit};
    }
}

Plan make_plan(Arena& arena, std::size_t hosts_max, std::size_t moves_max, std::size_t rejected_max,
               std::size_t vms_max) noexcept {
    Plan plan;
    plan.moves = BoundedList<Move>{arena.make_array<Move>(moves_max)};
    plan.rejected = BoundedList<Rejection>{arena.make_array<Rejection>(rejected_max)};
    plan.unresolved = BoundedList<HostIndex>{arena.make_array<HostIndex>(hosts_max)};
    plan.before.hosts = arena.make_array<HostLoad>(hosts_max);
    plan.after.hosts = arena.make_array<HostLoad>(hosts_max);
    if (vms_max > 0) {
        plan.vms = arena.make_array<Verdict>(vms_max);
        plan.hosts = arena.make_array<Verdict>(hosts_max);
    }
    return plan;
}

}  // namespace ballast::policy
