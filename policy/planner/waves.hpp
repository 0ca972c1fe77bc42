// Which moves of a plan may run at the same time.
#pragma once

#include <cstdint>
#include <span>

#include "base/arena.hpp"
#include "policy/plan.hpp"
#include "policy/pool_model.hpp"

namespace ballast::policy::planner {

class Waves {
  public:
    Waves() noexcept = default;
    Waves(Arena& arena, std::size_t hosts_max, std::size_t moves_max) noexcept;

    // Numbers the moves' waves from 0. In a wave
    // no host has more than `in_flight_max` guests coming or going, and memory suffices with every guest of
    // the wave counted on both sides, whatever their order. On each host, moves keep the plan's order; a
    // guest's own moves too.
    void assign(const Pool& pool, std::uint32_t in_flight_max, std::span<Move> moves) noexcept;

  private:
    struct Traffic {
        std::uint32_t in = 0;
        std::uint32_t out = 0;
        bool waits = false;  // an earlier move of this host has not found its wave: later ones wait too
        std::int64_t room_mib = 0;    // at the beginning of the wave, less what comes in it
        std::int64_t leaves_mib = 0;  // in the wave
    };
    bool fits(const Pool& pool, std::uint32_t in_flight_max, const Move& move) const noexcept;
    void count(const Pool& pool, const Move& move) noexcept;

    std::span<Traffic> traffic_;
    std::span<std::uint32_t> waiting_;
};

}  // namespace ballast::policy::planner
