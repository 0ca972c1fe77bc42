// What the controller's loop spends its time on, as the metrics and the log name it.
#pragma once

#include <array>
#include <string_view>

#include "shell/loop.hpp"

namespace ballast::controller {

inline constexpr LoopPart loop_other = 0;     // the loop itself, signals
inline constexpr LoopPart loop_agents = 1;    // links: reading, TLS, and the core's steps for what they say
inline constexpr LoopPart loop_http = 2;      // requests and their answers, steps of the core included
inline constexpr LoopPart loop_events = 3;    // looking for changes to tell readers of events
inline constexpr LoopPart loop_clock = 4;     // the core's ticks, and what else is done every so often
inline constexpr LoopPart loop_planning = 5;  // rounds of the policy, whoever has asked for them
inline constexpr LoopPart loop_store = 6;     // handing over to the store's thread, and letting go afterwards

inline constexpr auto loop_part_names =
    std::to_array<std::string_view>({"other", "agents", "http", "events", "clock", "planning", "store"});
static_assert(loop_part_names.size() == loop_store + 1 && loop_part_names.size() <= loop_parts_max);

}  // namespace ballast::controller
