// Two ends of a link in one loop: the fixture of the link's tests.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "shell/link.hpp"
#include "shell/unique_fd.hpp"
#include "tests/unit/shell_pki.hpp"

namespace ballast {

inline constexpr const char* loopback = "127.0.0.1";

// One end of a connection and what it was told.
struct End {
    std::unique_ptr<Link> link;
    bool up = false;
    std::vector<wire::Message> messages;
    std::optional<Fault> down;
    std::string detail;
};

class ShellLink : public ::testing::Test {
  protected:
    ShellLink()
        : too_long{loop, [this] {
                       ADD_FAILURE() << "nothing happened in time";
                       timed_out = true;
                   }} {
        too_long.start_once(seconds(20));
        listener = Listener::open(
            loop, loopback, 0, [this](int fd) { start(server, fd, Role::server, server_options); }, why);
        EXPECT_TRUE(listener) << why;
    }

    void start(End& end, int fd, Role role, const LinkOptions& options) {
        end.link = std::make_unique<Link>(
            loop, fd, role, options,
            Link::Events{
                .on_up = [&end] { end.up = true; },
                .on_message = [&end](const wire::Message& message) { end.messages.push_back(message); },
                .on_down =
                    [&end](Fault fault, std::string_view detail) {
                        EXPECT_FALSE(end.down) << "told twice";
                        end.down = fault;
                        end.detail = detail;
                    }});
    }
    void connect() {
        const int fd = start_connect(loopback, listener->port(), why);
        ASSERT_GE(fd, 0) << why;
        start(client, fd, Role::client, client_options);
    }
    // A peer that speaks whatever the test likes.
    UniqueFd connect_raw() {
        UniqueFd fd{start_connect(loopback, listener->port(), why)};
        EXPECT_TRUE(fd) << why;
        return fd;
    }
    template <class Predicate>
    void run_until(Predicate happened) {
        while (!happened() && !timed_out) {
            ev_run_once();
        }
    }
    void ev_run_once() {
        // A timer bounds the wait when nothing else happens.
        Timer tick{loop, [this] { loop.stop(); }};
        tick.start_once(milliseconds(1));
        loop.run();
    }
    void both_up() {
        connect();
        run_until([this] { return client.up && server.up; });
    }

    Loop loop;
    Timer too_long;
    bool timed_out = false;
    std::string why;
    LinkOptions client_options;
    LinkOptions server_options;
    End client;
    End server;
    std::unique_ptr<Listener> listener;
};

class ShellLinkBothWays : public ShellLink, public ::testing::WithParamInterface<bool> {
  protected:
    ShellLinkBothWays() {
        if (GetParam()) {
            client_options.tls = TestPki::instance().of("h1");
            client_options.peer_name = "controller";
            server_options.tls = TestPki::instance().of("controller");
        }
    }
};

}  // namespace ballast
