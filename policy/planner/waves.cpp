#include "policy/planner/waves.hpp"

namespace ballast::policy::planner {

Waves::Waves(Arena& arena, std::size_t hosts_max, std::size_t moves_max) noexcept
    : traffic_{arena.make_array<Traffic>(hosts_max)}, waiting_{arena.make_array<std::uint32_t>(moves_max)} {}

// A swap is carried out one guest after the other and takes both hosts in both directions.
bool Waves::fits(const Pool& pool, std::uint32_t in_flight_max, const Move& move) const noexcept {
    const Traffic& from = traffic_[move.from];
    const Traffic& to = traffic_[move.to];
    if (from.waits || to.waits || from.out >= in_flight_max || to.in >= in_flight_max) {
        return false;
    }
    const auto memory = [&](VmIndex vm) { return static_cast<std::int64_t>(pool.vms[vm].memory_mib); };
    if (move.kind == MoveKind::migrate) {
        return to.room_mib >= memory(move.vm);
    }
    if (from.in >= in_flight_max || to.out >= in_flight_max) {
        return false;
    }
    const std::int64_t there = memory(move.vm);
    const std::int64_t back = memory(move.with);
    return move.with_first == 0 ? to.room_mib >= there && from.room_mib + there >= back
                                : from.room_mib >= back && to.room_mib + back >= there;
}

void Waves::count(const Pool& pool, const Move& move) noexcept {
    for (const Leg& leg : legs(move)) {
        const auto memory_mib = static_cast<std::int64_t>(pool.vms[leg.vm].memory_mib);
        ++traffic_[leg.from].out;
        ++traffic_[leg.to].in;
        traffic_[leg.to].room_mib -= memory_mib;
        traffic_[leg.from].leaves_mib += memory_mib;
    }
}

void Waves::assign(const Pool& pool, std::uint32_t in_flight_max, std::span<Move> moves) noexcept {
    for (HostIndex h = 0; h < pool.hosts.size(); ++h) {
        traffic_[h] = Traffic{};
        traffic_[h].room_mib = static_cast<std::int64_t>(memory_for_guests_mib(pool.hosts[h]));
    }
    for (const Vm& vm : pool.vms) {
        const auto memory_mib = holds_memory(vm) ? static_cast<std::int64_t>(vm.memory_mib) : 0;
        if (vm.host != no_index) {
            traffic_[vm.host].room_mib -= memory_mib;
        }
        if (vm.moving_to != no_index) {
            traffic_[vm.moving_to].room_mib -= memory_mib;
        }
    }
    std::size_t count_waiting = moves.size();
    for (std::uint32_t i = 0; i < moves.size(); ++i) {
        waiting_[i] = i;
    }
    for (std::uint32_t wave = 0; count_waiting > 0; ++wave) {
        std::size_t still = 0;
        for (std::size_t i = 0; i < count_waiting; ++i) {
            Move& move = moves[waiting_[i]];
            // Alone in its wave a move always fits: the plan's order is feasible.
            if (i == 0 || fits(pool, in_flight_max, move)) {
                move.wave = wave;
                count(pool, move);
            } else {
                traffic_[move.from].waits = traffic_[move.to].waits = true;
                waiting_[still++] = waiting_[i];
            }
        }
        count_waiting = still;
        for (HostIndex h = 0; h < pool.hosts.size(); ++h) {
            Traffic& each = traffic_[h];
            each = Traffic{0, 0, false, each.room_mib + each.leaves_mib, 0};
        }
    }
}

}  // namespace ballast::policy::planner
