// What happens in the pool: events as they come, and the loads of the time before.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "cli/commands.hpp"
#include "cli/online/online.hpp"

namespace ballast::cli {

struct EventOptions {
    std::string kinds;       // separated by commas; empty: all
    std::string since;       // a revision; empty: the newest there are
    std::int64_t limit = 0;  // 0: as many as the controller gives by default
    bool watch = false;
    bool no_reconnect = false;  // ends when the controller goes away
};

Exit show_events(Online& online, const EventOptions& in);

// Of the newest event there is; empty when the controller does not say.
std::string newest_revision(Online& online);

std::span<const Command> event_commands();

}  // namespace ballast::cli
