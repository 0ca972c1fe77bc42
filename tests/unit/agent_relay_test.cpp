#include "agent/relay/relays.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <map>
#include <string>

#include "shell/random.hpp"
#include "shell/socket.hpp"

namespace ballast::agent {
namespace {

using namespace std::string_literals;

constexpr const char* relay_address = "127.0.0.1";

// A socket that a test reads and writes as it likes, without blocking.
struct Peer {
    UniqueFd fd;
    std::string heard;
    bool ended = false;

    void say(std::string_view words) const {
        EXPECT_EQ(::send(fd.get(), words.data(), words.size(), MSG_NOSIGNAL),
                  static_cast<ssize_t>(words.size()));
    }
    void listen(std::size_t bytes_max = 65536) {
        std::string bytes(bytes_max, '\0');
        const ssize_t got = ::recv(fd.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
        if (got > 0) {
            heard.append(bytes, 0, static_cast<std::size_t>(got));
        }
        ended = ended || got == 0 || (got < 0 && errno != EAGAIN);
    }
    bool has(std::size_t bytes) {
        listen();
        return heard.size() >= bytes;
    }
    std::string take(std::size_t bytes) {
        const std::string words = heard.substr(0, bytes);
        heard.erase(0, bytes);
        return words;
    }
};

class AgentRelay : public ::testing::Test {
  protected:
    AgentRelay()
        : too_long{loop, [this] {
                       ADD_FAILURE() << "nothing happened in time";
                       timed_out = true;
                   }} {
        too_long.start_once(seconds(20));
        guest_server = Listener::open(
            loop, relay_address, 0, [this](int fd) { guest.fd.reset(fd); }, why);
        EXPECT_TRUE(guest_server) << why;
        settings.listen = relay_address;
        settings.advertised = "192.0.2.7";
        settings.port_first = free_port_range();
        settings.port_count = 3;
        make_relays();
    }
    void make_relays() {
        relays = std::make_unique<Relays>(
            loop, settings,
            Relays::Events{.find_console =
                               [this](const Uuid& uuid, GuestConsole& out, Detail& reason) {
                                   if (gone || uuid != guest_uuid) {
                                       reason = "the guest is not on this host";
                                       return Fault::not_found;
                                   }
                                   out = {relay_address, guest_server->port(), guest_password};
                                   return Fault::none;
                               },
                           .on_status =
                               [this](const wire::RelayStatus& status) {
                                   statuses[status.session_id] = status;
                                   ++told;
                               }});
    }
    // Three ports side by side that nobody uses now.
    std::uint16_t free_port_range() {
        for (;;) {
            const auto first = static_cast<std::uint16_t>(20000 + random_u64() % 10000);
            bool free = true;
            for (std::uint16_t i = 0; i < 3 && free; ++i) {
                free = Listener::open(
                           loop, relay_address, static_cast<std::uint16_t>(first + i), [](int) {}, why) !=
                       nullptr;
            }
            if (free) {
                return first;
            }
        }
    }
    template <class Predicate>
    void run_until(Predicate happened) {
        while (!happened() && !timed_out) {
            Timer tick{loop, [this] { loop.stop(); }};
            tick.start_once(milliseconds(1));
            loop.run();
        }
    }
    wire::RelayOpen order(std::uint64_t session = 1) const {
        return {.session_id = session, .uuid = guest_uuid, .password = "geheim42"};
    }
    wire::RelayStatus& open(const wire::RelayOpen& what) {
        relays->open(what);
        return statuses[what.session_id];
    }
    Peer connect(std::uint16_t port) {
        Peer peer{.fd = UniqueFd{start_connect(relay_address, port, why)}};
        EXPECT_TRUE(peer.fd) << why;
        return peer;
    }
    // As a client of version 3.8, up to the result.
    void give_password(Peer& client, std::string_view password) {
        run_until([&] { return client.has(12); });
        EXPECT_EQ(client.take(12), "RFB 003.008\n");
        client.say("RFB 003.008\n");
        run_until([&] { return client.has(2); });
        EXPECT_EQ(client.take(2), "\1\2");
        client.say("\2");
        run_until([&] { return client.has(16); });
        VncChallenge challenge{};
        const std::string bytes = client.take(16);
        bytes.copy(reinterpret_cast<char*>(challenge.data()), challenge.size());
        const VncChallenge response = vnc_response(challenge, password).value();
        client.say({reinterpret_cast<const char*>(response.data()), response.size()});
    }
    // As the guest's server of version 3.8 without a password.
    void greet_relay() {
        run_until([&] { return static_cast<bool>(guest.fd); });
        guest.say("RFB 003.008\n\1\1"s);
        run_until([&] { return guest.has(13); });
        EXPECT_EQ(guest.take(13), "RFB 003.008\n\1");
        guest.say("\0\0\0\0"s);
    }
    Peer admitted(std::uint64_t session = 1) {
        Peer client = connect(statuses[session].port);
        give_password(client, "geheim42");
        greet_relay();
        run_until([&] { return client.has(4); });
        EXPECT_EQ(client.take(4), "\0\0\0\0"s);
        return client;
    }

    Loop loop;
    Timer too_long;
    bool timed_out = false;
    std::string why;
    Uuid guest_uuid = new_uuid();
    FixedString<15> guest_password;
    bool gone = false;
    std::unique_ptr<Listener> guest_server;
    Peer guest;  // its server's end of the relay's newest connection
    RelaySettings settings;
    std::unique_ptr<Relays> relays;
    std::map<std::uint64_t, wire::RelayStatus> statuses;
    int told = 0;
};

TEST_F(AgentRelay, BringsAClientWithThePasswordToItsGuest) {
    const wire::RelayStatus& status = open(order());
    EXPECT_EQ(status.state, wire::RelayState::listening);
    EXPECT_EQ(status.address, "192.0.2.7");
    Peer client = admitted();
    EXPECT_EQ(status.state, wire::RelayState::connected);
    EXPECT_TRUE(status.client.view().starts_with("127.0.0.1:"));
    client.say("\1");
    guest.say("a screen");
    run_until([&] { return guest.has(1) && client.has(8); });
    EXPECT_EQ(guest.take(1), "\1");
    EXPECT_EQ(client.take(8), "a screen");
    client.fd.reset();
    run_until([&] { return status.state == wire::RelayState::listening; });
    EXPECT_EQ(status.to_client_bytes, 8U);
    EXPECT_EQ(status.from_client_bytes, 1U);
    run_until([&] {
        guest.listen();
        return guest.ended;
    });
}

TEST_F(AgentRelay, GivesTheGuestsServerThePasswordThatItWants) {
    guest_password = "inner";
    open(order());
    Peer client = connect(statuses[1].port);
    give_password(client, "geheim42");
    run_until([&] { return static_cast<bool>(guest.fd); });
    guest.say("RFB 003.008\n\1\2"s + std::string(16, 'c'));
    run_until([&] { return guest.has(13 + 16); });
    VncChallenge challenge{};
    challenge.fill(std::byte{'c'});
    const VncChallenge expected = vnc_response(challenge, "inner").value();
    EXPECT_EQ(guest.heard.substr(13),
              (std::string{reinterpret_cast<const char*>(expected.data()), expected.size()}));
    guest.say("\0\0\0\0"s);
    run_until([&] { return client.has(4); });
    EXPECT_EQ(client.take(4), "\0\0\0\0"s);
}

TEST_F(AgentRelay, RefusesAWrongPasswordWithoutTouchingTheGuest) {
    open(order());
    Peer client = connect(statuses[1].port);
    give_password(client, "geheim43");
    const Instant asked = mono_now();
    run_until([&] {
        client.listen();
        return client.ended;
    });
    EXPECT_GE((mono_now() - asked).ms, wrong_password_pause.ms - 20) << "guessing must be slow";
    EXPECT_EQ(client.heard, "\0\0\0\1\0\0\0\x0ewrong password"s);
    EXPECT_FALSE(guest.fd);
    EXPECT_EQ(statuses[1].state, wire::RelayState::listening);
}

TEST_F(AgentRelay, TellsTheClientWhenTheGuestsServerDoesNotAnswer) {
    open(order());
    const std::uint16_t port = statuses[1].port;
    guest_server = Listener::open(
        loop, relay_address, 0, [](int fd) { ::close(fd); }, why);
    Peer client = connect(port);
    give_password(client, "geheim42");
    run_until([&] {
        client.listen();
        return client.ended;
    });
    EXPECT_EQ(client.heard.substr(0, 4), "\0\0\0\1"s);
    EXPECT_NE(client.heard.find("VNC server"), std::string::npos) << client.heard;
}

TEST_F(AgentRelay, ClosesConnectionsFromElsewhere) {
    wire::RelayOpen elsewhere = order();
    elsewhere.client_address = "192.0.2.1";
    open(elsewhere);
    Peer stranger = connect(statuses[1].port);
    run_until([&] {
        stranger.listen();
        return stranger.ended;
    });
    EXPECT_EQ(stranger.heard, "");
    wire::RelayOpen here = order();
    here.client_address = "::ffff:127.0.0.1";
    open(here);
    admitted();
    EXPECT_EQ(statuses[1].state, wire::RelayState::connected);
}

TEST_F(AgentRelay, LetsTheNewestClientWithThePasswordIn) {
    open(order());
    Peer first = admitted();
    const Peer first_guest = std::exchange(guest, Peer{});
    Peer second = admitted();
    run_until([&] {
        first.listen();
        return first.ended;
    });
    EXPECT_EQ(statuses[1].state, wire::RelayState::connected);
    guest.say("x");
    run_until([&] { return second.has(1); });
}

TEST_F(AgentRelay, KeepsFewStrangersWaiting) {
    open(order());
    std::vector<Peer> strangers;
    for (std::size_t i = 0; i <= relay_visitors_max; ++i) {
        strangers.push_back(connect(statuses[1].port));
        run_until([&] { return strangers.back().has(12); });
    }
    run_until([&] {
        strangers.front().listen();
        return strangers.front().ended;
    });
    admitted();
}

TEST_F(AgentRelay, TellsHowLongTheUserHasBeenIdle) {
    wire::RelayOpen reporting = order();
    reporting.report_every_ms = 1000;
    const wire::RelayStatus& status = open(reporting);
    Peer client = admitted();
    client.say("\1\3\1\0\0\0\0\4\0\3\0"s);  // the screen again: that is the program, not the user
    run_until([&] { return status.idle_seconds >= 1; });
    client.say("\4\1\0\0\0\0\0a"s);
    run_until([&] { return status.idle_seconds == 0; });  // told at once, not with the next report
}

TEST_F(AgentRelay, StopsReadingFromTheGuestWhenTheClientDoesNotRead) {
    open(order());
    Peer client = admitted();
    const std::string screen(1 << 20, 's');
    std::size_t taken = 0;
    int stuck = 0;
    while (stuck < 100) {
        const ssize_t sent =
            ::send(guest.fd.get(), screen.data(), screen.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        taken += sent > 0 ? static_cast<std::size_t>(sent) : 0;
        stuck = sent > 0 ? 0 : stuck + 1;
        Timer tick{loop, [this] { loop.stop(); }};
        tick.start_once(milliseconds(1));
        loop.run();
    }
    EXPECT_LT(taken, 64U << 20) << "the kernel's windows and one queue, not all that the guest has to say";
    std::size_t read = 0;
    run_until([&] {
        client.heard.clear();
        client.listen(1 << 20);
        read += client.heard.size();
        return read == taken;
    });
}

TEST_F(AgentRelay, IsClosedWithItsClientWhenTheSessionEnds) {
    open(order());
    Peer client = admitted();
    const std::uint16_t port = statuses[1].port;
    relays->close({.session_id = 1});
    EXPECT_EQ(statuses[1].state, wire::RelayState::closed);
    EXPECT_EQ(statuses[1].fault, Fault::none);
    run_until([&] {
        client.listen();
        return client.ended;
    });
    Peer late = connect(port);
    run_until([&] {
        late.listen();
        return late.ended;
    });
    relays->close({.session_id = 1});
    EXPECT_EQ(statuses[1].state, wire::RelayState::closed) << "closed twice is closed";
}

TEST_F(AgentRelay, IsClosedWhenItsGuestHasGone) {
    open(order());
    Peer client = admitted();
    relays->guests_changed();
    EXPECT_EQ(statuses[1].state, wire::RelayState::connected);
    gone = true;
    relays->guests_changed();
    EXPECT_EQ(statuses[1].state, wire::RelayState::closed);
    EXPECT_EQ(statuses[1].fault, Fault::not_found);
    EXPECT_EQ(relays->count(), 0U);
}

TEST_F(AgentRelay, AnswersTheSameOrderWithTheSameRelay) {
    const std::uint16_t port = open(order()).port;
    EXPECT_EQ(open(order()).port, port);
    EXPECT_EQ(told, 2);
    Peer client = admitted();
    wire::RelayOpen other = order();
    other.password = "another";
    EXPECT_NE(open(other).port, port) << "ports go round";
    run_until([&] {
        client.listen();
        return client.ended;
    });
    relays->report_all();
    EXPECT_EQ(statuses[1].state, wire::RelayState::listening);
}

TEST_F(AgentRelay, RefusesWithAReason) {
    wire::RelayOpen bad = order();
    bad.session_id = 0;
    EXPECT_EQ(open(bad).fault, Fault::invalid_argument);
    bad = order(2);
    bad.password = "";
    EXPECT_EQ(open(bad).fault, Fault::invalid_argument);
    bad.password = "tab\t";
    EXPECT_EQ(open(bad).fault, Fault::invalid_argument);
    bad = order(2);
    bad.client_address = "example.org";
    EXPECT_EQ(open(bad).fault, Fault::invalid_argument);
    bad = order(2);
    bad.uuid = new_uuid();
    EXPECT_EQ(open(bad).fault, Fault::not_found);
    EXPECT_EQ(statuses[2].state, wire::RelayState::closed);
    for (std::uint64_t session = 1; session <= 3; ++session) {
        EXPECT_EQ(open(order(session)).fault, Fault::none);
    }
    EXPECT_EQ(open(order(4)).fault, Fault::limit_reached);
    EXPECT_EQ(statuses[4].detail, "relay.port_count: all 3 ports are taken");
    settings.port_count = 0;
    make_relays();
    EXPECT_EQ(open(order(1)).detail, "this host takes no sessions (relay.port_count is 0)");
}

TEST_F(AgentRelay, TakesAnotherPortWhenSomebodyElseHasOne) {
    std::unique_ptr<Listener> other = Listener::open(
        loop, relay_address, settings.port_first, [](int) {}, why);
    ASSERT_TRUE(other) << why;
    EXPECT_EQ(open(order()).port, settings.port_first + 1);
}

}  // namespace
}  // namespace ballast::agent
