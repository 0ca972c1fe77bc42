// The half of an agent's shell that serves desktops: relays to consoles, what guests say of themselves, and
// the proof of the shared store (agent/relay/relays.cpp, agent/guest_signals.cpp, agent/store_keeper.cpp).
// Nothing of it outlives the agent's process.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <vector>

#include "proto/messages.hpp"

namespace ballast::simulator {

inline constexpr std::uint32_t nobody = UINT32_MAX;

struct RelayPort {
    wire::RelayOpen order;
    std::uint16_t port = 0;
    std::uint32_t visit = nobody;  // who is connected
    std::int64_t input_ns = 0;     // the last sign of a user's hand
};

// What was told of a guest last.
struct ToldSignal {
    Uuid uuid;
    Uuid nonce;
    bool ready = false;
    bool nonsense = false;
};

struct DesktopSide {
    std::vector<RelayPort> relays;
    std::uint16_t next_port = 0;
    std::map<std::uint32_t, ToldSignal> told;  // by domid
    std::deque<wire::StoreProbe> probes;       // the file server has not answered yet
    bool store_proven = false;
    std::uint32_t store_seen = 0;  // which one was proven
};

}  // namespace ballast::simulator
