// What can happen to the controller. Pointers are read during the step only.
#pragma once

#include <cstdint>
#include <variant>

#include "base/fault.hpp"
#include "base/vocabulary.hpp"
#include "controller/core/commands.hpp"
#include "proto/messages.hpp"

namespace ballast::controller {

// The shell's number of an agent's connection; never reused within a process, never 0.
using LinkId = std::uint64_t;

// An agent's connection is up (TLS done).
struct LinkUp {
    LinkId link = 0;
    bool tls = false;
    HostName certificate_name;  // subject CN; empty without TLS
    FixedString<63>
        remote_address;  // without the port: where peers find this host when its hello names no address
};
struct LinkMessage {
    LinkId link = 0;
    const wire::Message* message = nullptr;
};
// The connection is gone, or broke the protocol (the shell then closes it and tells the core here).
struct LinkDown {
    LinkId link = 0;
    Fault fault = Fault::none;
};
// About once a second; what is due is worked out from the time given.
struct Tick {};

using Event = std::variant<Tick, LinkUp, LinkMessage, LinkDown, const Command*>;

}  // namespace ballast::controller
