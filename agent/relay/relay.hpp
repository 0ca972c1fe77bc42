// The way of one session to its guest's console: a port of its own, a password of its own, one client at a
// time. The newest client that gives the password takes the place of the one before, who may be a connection
// that died without a word.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "agent/relay/conversation.hpp"
#include "shell/link.hpp"

namespace ballast::agent {

// Connections of one relay that have not given the password yet; a further one takes the place of the oldest.
inline constexpr std::size_t relay_visitors_max = 4;

class Relay {
  public:
    struct Events {
        std::function<Fault(GuestConsole& out, Detail& why)> find_console;
        std::function<void()> on_change;  // status() has changed
    };
    // Null with a sentence in `why` when the port cannot be had.
    static std::unique_ptr<Relay> open(Loop& loop, const wire::RelayOpen& order, const std::string& listen,
                                       std::uint16_t port, Events events, std::string& why);
    ~Relay();
    Relay(const Relay&) = delete;
    Relay& operator=(const Relay&) = delete;

    const wire::RelayOpen& order() const noexcept { return order_; }
    std::uint16_t port() const noexcept { return listener_->port(); }
    // All but the address.
    wire::RelayStatus status() const;

  private:
    struct Visitor;
    Relay(Loop& loop, const wire::RelayOpen& order, Events events);
    void on_accept(int fd);
    void on_admitted(std::uint64_t number);
    void on_end(std::uint64_t number, std::string_view why);
    void on_input();
    Duration report_every() const noexcept;

    Loop& loop_;
    wire::RelayOpen order_;
    Events events_;
    std::unique_ptr<Listener> listener_;
    std::vector<Visitor> visitors_;  // oldest first
    std::uint64_t last_number_ = 0;
    std::uint64_t admitted_ = 0;  // the number of the connected client; 0: none
    FixedString<63> client_;
    Instant last_input_;
    std::uint64_t to_client_bytes_ = 0;  // of clients that have left
    std::uint64_t from_client_bytes_ = 0;
    Timer report_timer_;
};

// Whether the peer of this socket has this numeric address; IPv4 inside IPv6 is IPv4.
bool peer_is(int fd, std::string_view address);
bool valid_address(std::string_view address) noexcept;

}  // namespace ballast::agent
