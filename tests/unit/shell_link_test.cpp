#include "shell/link.hpp"

#include <gnutls/gnutls.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <ctime>
#include <optional>
#include <vector>

#include "shell/unique_fd.hpp"
#include "tests/unit/proto_generator.hpp"
#include "tests/unit/shell_link_ends.hpp"
#include "tests/unit/shell_pki.hpp"

namespace ballast {
namespace {

INSTANTIATE_TEST_SUITE_P(PlainAndTls, ShellLinkBothWays, ::testing::Bool(),
                         [](const auto& row) { return row.param ? "tls" : "plain"; });

TEST_P(ShellLinkBothWays, CarriesEveryMessageUnchangedAndInOrder) {
    both_up();
    std::vector<wire::Message> sent;
    wire::MessageGenerator generate{4711};
    for (int round = 0; round < 3; ++round) {
        generate.each_kind([&](const wire::Message& message) {
            if (!std::holds_alternative<wire::Ping>(message) &&
                !std::holds_alternative<wire::Pong>(message)) {
                sent.push_back(message);
            }
        });
        sent.push_back(generate.full_host_report());
    }
    for (const auto& message : sent) {
        ASSERT_TRUE(client.link->send(message));
        ASSERT_TRUE(server.link->send(message));
    }
    run_until([&] { return client.messages.size() >= sent.size() && server.messages.size() >= sent.size(); });
    EXPECT_TRUE(client.messages == sent);
    EXPECT_TRUE(server.messages == sent);
    EXPECT_GT(client.link->bytes_sent(), 0U);
    EXPECT_EQ(server.link->peer_address().substr(0, 10), "127.0.0.1:");
}

TEST_P(ShellLinkBothWays, KnowsThePeerByItsCertificateOnly) {
    both_up();
    EXPECT_EQ(server.link->peer_name(), GetParam() ? "h1" : "");
    EXPECT_EQ(client.link->peer_name(), GetParam() ? "controller" : "");
}

TEST_P(ShellLinkBothWays, TellsThatThePeerClosed) {
    both_up();
    client.link->close();
    EXPECT_FALSE(client.link->up());
    EXPECT_FALSE(client.down) << "not from inside close";
    run_until([this] { return server.down && client.down; });
    EXPECT_EQ(server.down, Fault::connection_lost);
    EXPECT_EQ(server.detail, "the peer closed the connection");
    EXPECT_EQ(client.down, Fault::none);
}

TEST_P(ShellLinkBothWays, DeliversALastMessageAlthoughThePeerStillTalks) {
    both_up();
    wire::MessageGenerator generate{3};
    const wire::Message large = generate.full_host_report();
    ASSERT_TRUE(client.link->send(large));
    const wire::Message refusal{wire::HelloReply{.fault = Fault::version_mismatch, .detail = "too old"}};
    ASSERT_TRUE(server.link->send(refusal));
    server.link->close_after_send();
    run_until([this] { return client.down.has_value(); });
    ASSERT_EQ(client.messages.size(), 1U);
    EXPECT_TRUE(client.messages[0] == refusal);
    client.link.reset();
    run_until([this] { return server.down.has_value(); });
    EXPECT_EQ(server.down, Fault::none);
}

TEST_P(ShellLinkBothWays, MayBeDestroyedInsideEachOfItsCallbacks) {
    for (const int which : {0, 1, 2}) {
        client = {};
        server = {};
        const int fd = start_connect(loopback, listener->port(), why);
        ASSERT_GE(fd, 0) << why;
        bool destroyed = false;
        const auto destroy = [&] {
            client.link.reset();
            destroyed = true;
        };
        client.link =
            std::make_unique<Link>(loop, fd, Role::client, client_options,
                                   Link::Events{.on_up =
                                                    [&, which] {
                                                        client.up = true;
                                                        if (which == 0) {
                                                            destroy();
                                                        }
                                                    },
                                                .on_message = [&](const wire::Message&) { destroy(); },
                                                .on_down = [&](Fault, std::string_view) { destroy(); }});
        run_until([&] { return client.up && server.up; });
        if (which == 1) {
            ASSERT_TRUE(server.link->send(wire::Message{wire::JobAck{1}}));
        } else if (which == 2) {
            server.link->close();
        }
        run_until([&] { return destroyed; });
        EXPECT_FALSE(client.link);
    }
}

TEST_P(ShellLinkBothWays, GivesUpOnAPeerThatReadsTooSlowly) {
    server_options.send_buffer_bytes_max = 64 * 1024;
    both_up();
    wire::MessageGenerator generate{3};
    const wire::Message large = generate.full_host_report();
    // Everything is queued before the loop can send any of it.
    int accepted = 0;
    while (server.link->send(large)) {
        ++accepted;
    }
    EXPECT_LE(accepted, 3);
    EXPECT_FALSE(server.down) << "not from inside send";
    EXPECT_FALSE(server.link->up());
    run_until([this] { return server.down.has_value(); });
    EXPECT_EQ(server.down, Fault::limit_reached);
}

TEST_P(ShellLinkBothWays, GivesUpOnAMessageOfItsOwnThatIsTooLarge) {
    client_options.frame_bytes_max = 1024;
    both_up();
    wire::MessageGenerator generate{3};
    EXPECT_FALSE(client.link->send(generate.full_host_report()));
    run_until([this] { return client.down.has_value(); });
    EXPECT_EQ(client.down, Fault::limit_reached);
}

TEST_P(ShellLinkBothWays, RefusesAFrameAboveItsBound) {
    server_options.frame_bytes_max = 1024;
    both_up();
    wire::MessageGenerator generate{3};
    ASSERT_TRUE(client.link->send(generate.full_host_report()));
    run_until([this] { return server.down.has_value(); });
    EXPECT_EQ(server.down, Fault::protocol_violation);
    EXPECT_TRUE(server.messages.empty());
}

TEST_P(ShellLinkBothWays, LimitsTheTimeOfAHandshake) {
    server_options.handshake_timeout = milliseconds(20);
    const UniqueFd idle = connect_raw();
    run_until([this] { return server.up || server.down; });
    if (GetParam()) {
        EXPECT_EQ(server.down, Fault::deadline_exceeded);
    } else {
        EXPECT_TRUE(server.up) << "plain TCP has nothing to wait for";
    }
}

TEST_P(ShellLinkBothWays, SurvivesGarbage) {
    const UniqueFd fd = connect_raw();
    run_until([this] { return server.link != nullptr; });
    const std::string garbage(100'000, '\xee');
    ASSERT_GT(::send(fd.get(), garbage.data(), garbage.size(), MSG_NOSIGNAL), 0);
    run_until([this] { return server.down.has_value(); });
    EXPECT_EQ(server.down, Fault::protocol_violation);
    EXPECT_FALSE(server.detail.empty());
}

TEST_P(ShellLinkBothWays, TellsWhenThereIsNobody) {
    const std::uint16_t port = listener->port();
    listener.reset();
    const int fd = start_connect(loopback, port, why);
    if (fd >= 0) {
        start(client, fd, Role::client, client_options);
        run_until([this] { return client.down.has_value(); });
        EXPECT_EQ(client.down, Fault::host_unreachable);
        EXPECT_EQ(client.detail, "cannot connect: Connection refused");
    } else {
        EXPECT_NE(why.find("refused"), std::string::npos);
    }
}

TEST_F(ShellLink, PingsAndIsContentWithAPeerThatAnswersPings) {
    server_options.ping_every = milliseconds(3);
    server_options.silence_timeout = milliseconds(2000);
    both_up();
    const std::uint64_t before = server.link->bytes_received();
    run_until([&] { return server.link->bytes_received() > before + 40; });
    EXPECT_TRUE(server.up);
    EXPECT_FALSE(server.down);
    EXPECT_TRUE(client.messages.empty()) << "pings stay inside";
}

TEST_F(ShellLink, NoticesAPeerThatFellSilent) {
    server_options.ping_every = milliseconds(5);
    server_options.silence_timeout = milliseconds(40);
    const UniqueFd silent = connect_raw();
    run_until([this] { return server.down.has_value(); });
    EXPECT_TRUE(server.up);
    EXPECT_EQ(server.down, Fault::connection_lost);
    EXPECT_EQ(server.detail, "nothing heard from the peer for 40 ms");
}

TEST_F(ShellLink, TellsWhenThePeerEndsInTheMiddleOfAMessage) {
    UniqueFd fd = connect_raw();
    run_until([this] { return server.up; });
    ASSERT_EQ(::send(fd.get(), "\x40\0\0\0half", 8, MSG_NOSIGNAL), 8);
    fd.reset();
    run_until([this] { return server.down.has_value(); });
    EXPECT_EQ(server.down, Fault::connection_lost);
    EXPECT_EQ(server.detail, "the peer closed the connection in the middle of a message");
}

TEST_F(ShellLink, RefusesAMemoryImageOnAControlLink) {
    const UniqueFd fd = connect_raw();
    run_until([this] { return server.up; });
    wire::Codec codec;
    std::string frame;
    const std::string data = "pages";
    ASSERT_TRUE(
        codec.encode(wire::Chunk{std::as_bytes(std::span{data})}, limits::frame_bytes_max, frame).ok());
    ASSERT_GT(::send(fd.get(), frame.data(), frame.size(), MSG_NOSIGNAL), 0);
    run_until([this] { return server.down.has_value(); });
    EXPECT_EQ(server.down, Fault::protocol_violation);
}

class ShellLinkTls : public ShellLink {
  protected:
    ShellLinkTls() {
        client_options.tls = TestPki::instance().of("h1");
        server_options.tls = TestPki::instance().of("controller");
    }
    void both_down() {
        connect();
        run_until([this] { return client.down && server.down; });
        EXPECT_FALSE(client.up);
        EXPECT_FALSE(server.up);
    }
};

TEST_F(ShellLinkTls, RefusesAServerWithAnotherName) {
    client_options.peer_name = "h2";
    both_down();
    EXPECT_EQ(client.down, Fault::authentication_failed);
    EXPECT_EQ(client.detail,
              "the peer's certificate is refused: its certificate is for \"controller\", expected \"h2\"");
    EXPECT_EQ(server.down, Fault::authentication_failed) << server.detail;
}

TEST_F(ShellLinkTls, RefusesAClientWithAnotherName) {
    server_options.peer_name = "h2";
    both_down();
    EXPECT_EQ(server.down, Fault::authentication_failed);
    EXPECT_EQ(client.down, Fault::authentication_failed) << client.detail;
    EXPECT_EQ(client.detail.find("the peer refused TLS with us: "), 0U) << client.detail;
}

TEST_F(ShellLinkTls, RefusesAPeerWhoseNameIsLongerThanAHostsCanBe) {
    client_options.tls = TestPki::instance().of("long");
    both_down();
    EXPECT_EQ(server.down, Fault::authentication_failed);
    EXPECT_NE(server.detail.find("common name is longer than 63 bytes"), std::string::npos) << server.detail;
}

TEST_F(ShellLinkTls, RefusesAServerOfAForeignAuthority) {
    server_options.tls = TestPki::instance().foreign();
    both_down();
    EXPECT_EQ(client.down, Fault::authentication_failed);
    EXPECT_NE(client.detail.find("issuer is unknown"), std::string::npos) << client.detail;
}

TEST_F(ShellLinkTls, RefusesAClientOfAForeignAuthority) {
    client_options.tls = TestPki::instance().intruder();
    both_down();
    EXPECT_EQ(server.down, Fault::authentication_failed);
    EXPECT_NE(server.detail.find("issuer is unknown"), std::string::npos) << server.detail;
    EXPECT_EQ(client.down, Fault::authentication_failed) << client.detail;
}

std::time_t ten_years_later(std::time_t* out) {
    const std::time_t later = std::time(nullptr) + std::time_t{3600} * 24 * 365 * 11;
    if (out != nullptr) {
        *out = later;
    }
    return later;
}

TEST_F(ShellLinkTls, RefusesCertificatesThatHaveExpired) {
    gnutls_global_set_time_function(ten_years_later);
    both_down();
    gnutls_global_set_time_function(std::time);
    EXPECT_EQ(client.down, Fault::authentication_failed);
    EXPECT_NE(client.detail.find("expired"), std::string::npos) << client.detail;
}

TEST_F(ShellLinkTls, RefusesAPeerThatSpeaksPlainTcp) {
    client_options.tls = nullptr;
    connect();
    run_until([this] { return client.up; });
    ASSERT_TRUE(client.link->send(wire::Message{wire::Hello{}}));
    run_until([this] { return server.down.has_value(); });
    EXPECT_EQ(server.down, Fault::protocol_violation);
    EXPECT_FALSE(server.up);
}

TEST_F(ShellLinkTls, RefusesAClientWithoutACertificate) {
    UniqueFd fd = connect_raw();
    run_until([this] { return server.link != nullptr; });
    gnutls_certificate_credentials_t nothing = nullptr;
    gnutls_session_t session = nullptr;
    ASSERT_GE(gnutls_certificate_allocate_credentials(&nothing), 0);
    ASSERT_GE(gnutls_init(&session, GNUTLS_CLIENT | GNUTLS_NONBLOCK), 0);
    ASSERT_GE(gnutls_set_default_priority(session), 0);
    ASSERT_GE(gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, nothing), 0);
    gnutls_transport_set_int(session, fd.get());
    run_until([&] {
        if (!server.down) {
            static_cast<void>(gnutls_handshake(session));
        }
        return server.down.has_value();
    });
    EXPECT_EQ(server.down, Fault::authentication_failed) << server.detail;
    EXPECT_FALSE(server.up);
    gnutls_deinit(session);
    gnutls_certificate_free_credentials(nothing);
}

TEST(ShellTlsCredentials, KnowTheirNameAndEnd) {
    const auto credentials = TestPki::instance().of("h1");
    EXPECT_EQ(credentials->own_name(), "h1");
    EXPECT_GT(credentials->expires().unix_ms, wall_now().unix_ms);
}

TEST(ShellTlsCredentials, SayWhatIsWrongWithTheirFiles) {
    const TestPki& pki = TestPki::instance();
    const struct {
        std::string ca, certificate, key, expected;
    } rows[]{
        {pki.file("none.pem"), pki.file("h1.pem"), pki.file("h1.key"), "none.pem: cannot open"},
        {pki.file("ca.pem"), pki.file("none.pem"), pki.file("h1.key"), "none.pem: cannot open"},
        {pki.file("ca.pem"), pki.file("h1.pem"), pki.file("none.key"), "none.key: cannot open"},
        {pki.file("ca.pem"), pki.file("h1.key"), pki.file("h1.key"), "h1.key: no PEM certificates"},
        {pki.file("ca.pem"), pki.file("h1.pem"), pki.file("h2.key"), "h2.key: the key does not belong to"},
        {pki.file("ca.pem"), pki.file("h1.pem"), pki.file("h1.pem"),
         "h1.pem: the private key cannot be used"},
        {pki.foreign_file("ca.pem"), pki.file("h1.pem"), pki.file("h1.key"),
         "h1.pem: the certificate was not issued by"},
    };
    for (const auto& row : rows) {
        std::string why;
        EXPECT_FALSE(TlsCredentials::load(row.ca, row.certificate, row.key, why));
        EXPECT_NE(why.find(row.expected), std::string::npos) << why;
    }
}

TEST(ShellListener, SaysWhyItCannotListen) {
    Loop loop;
    std::string why;
    const auto ignore = [](int fd) { ::close(fd); };
    const auto first = Listener::open(loop, loopback, 0, ignore, why);
    ASSERT_TRUE(first) << why;
    EXPECT_FALSE(Listener::open(loop, loopback, first->port(), ignore, why));
    EXPECT_NE(why.find("Address already in use"), std::string::npos) << why;
    EXPECT_FALSE(Listener::open(loop, "not an address", 0, ignore, why));
    EXPECT_NE(why.find("cannot resolve \"not an address\""), std::string::npos) << why;
}

}  // namespace
}  // namespace ballast
