#include "policy/plan.hpp"

namespace ballast::policy {

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
    }
    return "invalid";
}

void Plan::clear() noexcept {
    moves.clear();
    rejected.clear();
    unresolved.clear();
    for (HostLoad& load : before.hosts) {
        load = HostLoad{};
    }
    for (HostLoad& load : after.hosts) {
        load = HostLoad{};
    }
    before = PoolLoad{before.hosts};
    after = PoolLoad{after.hosts};
    source = no_index;
}

Plan make_plan(Arena& arena, std::size_t hosts_max, std::size_t moves_max,
               std::size_t rejected_max) noexcept {
    Plan plan;
    plan.moves = BoundedList<Move>{arena.make_array<Move>(moves_max)};
    plan.rejected = BoundedList<Rejection>{arena.make_array<Rejection>(rejected_max)};
    plan.unresolved = BoundedList<HostIndex>{arena.make_array<HostIndex>(hosts_max)};
    plan.before.hosts = arena.make_array<HostLoad>(hosts_max);
    plan.after.hosts = arena.make_array<HostLoad>(hosts_max);
    return plan;
}

}  // namespace ballast::policy
