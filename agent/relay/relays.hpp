// All relays of this host, as the controller orders them: docs/sessions.md. Nothing of them is durable: they
// vanish with the agent, and the controller orders again what it still wants.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "agent/relay/relay.hpp"

namespace ballast::agent {

struct RelaySettings {
    std::string listen;      // address in dom0
    std::string advertised;  // what clients are told
    std::uint16_t port_first = 0;
    std::uint16_t port_count = 0;  // at most so many relays at once; 0: none
};

struct ConsoleBytes {
    std::uint64_t to_client = 0;
    std::uint64_t from_client = 0;
};

class Relays {
  public:
    struct Events {
        // The guest's VNC server as it is now: `not_found` when the guest is not on this host, `unsupported`
        // when it has no console.
        std::function<Fault(const Uuid& guest, GuestConsole& out, Detail& why)> find_console;
        std::function<void(const wire::RelayStatus&)> on_status;
    };
    Relays(Loop& loop, const RelaySettings& settings, Events events);
    ~Relays();
    Relays(const Relays&) = delete;
    Relays& operator=(const Relays&) = delete;

    // Each is answered by a status.
    void open(const wire::RelayOpen& order);
    void close(const wire::RelayClose& order);
    // A status of each: for a controller that has just connected.
    void report_all() const;
    // Closes those whose guests have gone.
    void guests_changed();
    std::size_t count() const noexcept { return relays_.size(); }
    // Passed on to and from clients since the start.
    ConsoleBytes bytes() const;

  private:
    using List = std::vector<std::unique_ptr<Relay>>;
    List::iterator find(std::uint64_t session_id);
    void end(List::iterator relay);
    Fault check(const wire::RelayOpen& order, Detail& why) const;
    std::unique_ptr<Relay> take_port(const wire::RelayOpen& order, std::string& why);
    void report(const Relay& relay) const;
    void report_closed(std::uint64_t session_id, const Uuid& guest, Fault fault, std::string_view why) const;

    Loop& loop_;
    RelaySettings settings_;
    Events events_;
    List relays_;
    ConsoleBytes ended_;           // of relays that are closed
    std::uint16_t next_port_ = 0;  // counted from port_first
};

}  // namespace ballast::agent
