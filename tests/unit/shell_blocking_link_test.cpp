#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstring>
#include <thread>

#include "shell/link.hpp"
#include "shell/unique_fd.hpp"
#include "tests/unit/proto_generator.hpp"
#include "tests/unit/shell_pki.hpp"

namespace ballast {
namespace {

constexpr const char* door_address = "127.0.0.1";
constexpr Duration long_enough = seconds(20);

// A listening socket for one blocking accept.
class Door {
  public:
    Door() : fd_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t bytes = sizeof address;
        EXPECT_EQ(::bind(fd_.get(), reinterpret_cast<sockaddr*>(&address), bytes), 0);
        EXPECT_EQ(::listen(fd_.get(), 4), 0);
        EXPECT_EQ(::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&address), &bytes), 0);
        port_ = ntohs(address.sin_port);
    }
    std::uint16_t port() const { return port_; }
    int accept() const { return ::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC); }

  private:
    UniqueFd fd_;
    std::uint16_t port_ = 0;
};

class ShellBlockingLink : public ::testing::TestWithParam<bool> {
  protected:
    ShellBlockingLink() {
        if (GetParam()) {
            client_options.tls = TestPki::instance().of("h1");
            client_options.peer_name = "h2";
            server_options.tls = TestPki::instance().of("h2");
            server_options.peer_name = "h1";
        }
    }
    // Both ends; each may be null when the handshake failed.
    void meet() {
        std::thread accepting{[this] {
            server = BlockingLink::accept(door.accept(), server_options, server_fault, server_why);
        }};
        client = BlockingLink::connect(door_address, door.port(), client_options, long_enough, client_fault,
                                       client_why);
        accepting.join();
    }
    void meet_well() {
        meet();
        ASSERT_TRUE(client) << client_why;
        ASSERT_TRUE(server) << server_why;
    }

    Door door;
    LinkOptions client_options;
    LinkOptions server_options;
    std::unique_ptr<BlockingLink> client;
    std::unique_ptr<BlockingLink> server;
    Fault client_fault = Fault::none;
    Fault server_fault = Fault::none;
    std::string client_why;
    std::string server_why;
    wire::Message message;
    wire::Chunk chunk;
};
INSTANTIATE_TEST_SUITE_P(PlainAndTls, ShellBlockingLink, ::testing::Bool(),
                         [](const auto& row) { return row.param ? "tls" : "plain"; });

TEST_P(ShellBlockingLink, CarriesEveryMessageUnchanged) {
    meet_well();
    wire::MessageGenerator generate{5};
    generate.each_kind([&](const wire::Message& sent) {
        if (std::holds_alternative<wire::Ping>(sent) || std::holds_alternative<wire::Pong>(sent)) {
            return;
        }
        ASSERT_TRUE(client->send(sent).ok());
        ASSERT_TRUE(server->receive(message, chunk, long_enough).ok());
        EXPECT_TRUE(message == sent);
    });
    EXPECT_EQ(server->peer_name(), GetParam() ? "h1" : "");
}

// One thread sends bulk while another receives, on both ends: what a migration and its pongs do.
TEST_P(ShellBlockingLink, CarriesBulkBothWaysAtOnce) {
    meet_well();
    static constexpr std::size_t chunk_bytes = 200'000;
    static constexpr int chunk_count = 60;
    const auto send_all = [](BlockingLink& link, std::uint64_t seed) {
        std::string data(chunk_bytes, '\0');
        for (int i = 0; i < chunk_count; ++i) {
            const std::uint64_t mark = seed + static_cast<std::uint64_t>(i);
            std::memcpy(data.data(), &mark, sizeof mark);
            std::memcpy(data.data() + chunk_bytes - sizeof mark, &mark, sizeof mark);
            ASSERT_TRUE(link.send(wire::Chunk{std::as_bytes(std::span{data})}).ok());
            ASSERT_TRUE(link.send(wire::Message{wire::Ping{mark}}).ok());
        }
        ASSERT_TRUE(link.send(wire::Message{wire::MigrationEnd{seed}}).ok());
    };
    const auto receive_all = [](BlockingLink& link, std::uint64_t seed) {
        wire::Message got;
        wire::Chunk piece;
        for (int i = 0; i < chunk_count; ++i) {
            ASSERT_TRUE(link.receive(got, piece, long_enough).ok());
            ASSERT_EQ(piece.data.size(), chunk_bytes);
            std::array<std::uint64_t, 2> marks{};
            std::memcpy(&marks[0], piece.data.data(), sizeof marks[0]);
            std::memcpy(&marks[1], piece.data.data() + chunk_bytes - sizeof marks[1], sizeof marks[1]);
            EXPECT_EQ(marks[0], seed + static_cast<std::uint64_t>(i));
            EXPECT_EQ(marks[1], marks[0]);
        }
        ASSERT_TRUE(link.receive(got, piece, long_enough).ok());
        EXPECT_EQ(std::get<wire::MigrationEnd>(got).plain_bytes, seed);
    };
    std::array threads{
        std::thread{send_all, std::ref(*client), 1000}, std::thread{send_all, std::ref(*server), 2000},
        std::thread{receive_all, std::ref(*client), 2000}, std::thread{receive_all, std::ref(*server), 1000}};
    for (auto& thread : threads) {
        thread.join();
    }
    EXPECT_GT(client->bytes_sent(), std::uint64_t{chunk_bytes} * chunk_count);
}

TEST_P(ShellBlockingLink, WaitsNoLongerThanItIsTold) {
    meet_well();
    const Instant before = mono_now();
    EXPECT_EQ(client->receive(message, chunk, milliseconds(20)).fault(), Fault::deadline_exceeded);
    EXPECT_GE(mono_now() - before, milliseconds(20));
    EXPECT_EQ(client->receive(message, chunk, {}).fault(), Fault::deadline_exceeded);
}

TEST_P(ShellBlockingLink, TellsThatThePeerIsGone) {
    meet_well();
    ASSERT_TRUE(client->send(wire::Message{wire::MigrationEnd{7}}).ok());
    client.reset();
    ASSERT_TRUE(server->receive(message, chunk, long_enough).ok()) << "what was sent before still arrives";
    EXPECT_EQ(server->receive(message, chunk, long_enough).fault(), Fault::connection_lost);
    Status sent;
    for (int i = 0; i < 100 && sent.ok(); ++i) {
        sent = server->send(wire::Message{wire::MigrationEnd{7}});
    }
    EXPECT_EQ(sent.fault(), Fault::connection_lost) << "and no signal ended the process";
}

// The receiver of an image that cannot use it says so and hangs up, while the sender is deep in sending.
TEST_P(ShellBlockingLink, StillHearsWhyThePeerHungUpInTheMiddleOfBulk) {
    meet_well();
    std::thread giving_up{[this] {
        wire::Message got;
        wire::Chunk piece;
        EXPECT_TRUE(server->receive(got, piece, long_enough).ok());
        EXPECT_TRUE(server->send(wire::Message{wire::MigrationAborted{.fault = Fault::no_memory}}).ok());
        server.reset();
    }};
    const std::string data(200'000, 'x');
    Status sent;
    while (sent.ok()) {
        sent = client->send(wire::Chunk{std::as_bytes(std::span{data})});
    }
    giving_up.join();
    EXPECT_EQ(sent.fault(), Fault::connection_lost);
    ASSERT_TRUE(client->receive(message, chunk, long_enough).ok());
    EXPECT_EQ(std::get<wire::MigrationAborted>(message).fault, Fault::no_memory);
}

// It reads nothing meanwhile: without listening, the sender would notice by its time limit only.
TEST_P(ShellBlockingLink, HearsAWordInTheMiddleOfBulkThatNobodyTakes) {
    meet_well();
    ASSERT_TRUE(server->send(wire::Message{wire::MigrationAborted{.fault = Fault::no_memory}}).ok());
    const std::string data(200'000, 'x');
    Status sent;
    while (sent.ok()) {
        sent = client->send_unanswered(wire::Chunk{std::as_bytes(std::span{data})});
    }
    EXPECT_EQ(sent.fault(), Fault::cancelled);
    ASSERT_TRUE(client->receive(message, chunk, long_enough).ok());
    EXPECT_EQ(std::get<wire::MigrationAborted>(message).fault, Fault::no_memory);
}

TEST_P(ShellBlockingLink, HearsAWordThatComesAfterTheBulkHasBegun) {
    meet_well();
    std::thread speaking{[this] {
        // It reads no more than the first frame.
        wire::Message got;
        wire::Chunk piece;
        EXPECT_TRUE(server->receive(got, piece, long_enough).ok());
        EXPECT_TRUE(server->send(wire::Message{wire::MigrationEnd{7}}).ok());
    }};
    const std::string data(200'000, 'x');
    Status sent;
    while (sent.ok()) {
        sent = client->send_unanswered(wire::Chunk{std::as_bytes(std::span{data})});
    }
    speaking.join();
    EXPECT_EQ(sent.fault(), Fault::cancelled);
}

// Were data left unread when it closes, the connection would be reset, and the word might be lost.
TEST_P(ShellBlockingLink, ClosesAfterALastWordWithoutAReset) {
    meet_well();
    std::thread giving_up{[this] {
        EXPECT_TRUE(server->send(wire::Message{wire::MigrationAborted{.fault = Fault::no_memory}}).ok());
        server->close_after_send();
        server.reset();
    }};
    const std::string data(200'000, 'x');
    for (int i = 0; i < 20; ++i) {
        ASSERT_TRUE(client->send(wire::Chunk{std::as_bytes(std::span{data})}).ok())
            << "it is read and ignored";
    }
    EXPECT_TRUE(client->receive(message, chunk, long_enough).ok());
    client.reset();
    giving_up.join();
}

TEST_P(ShellBlockingLink, GivesUpOnAPeerThatReadsNothing) {
    client_options.silence_timeout = milliseconds(50);
    meet_well();
    const std::string data(200'000, 'x');
    Status sent;
    for (int i = 0; i < 1000 && sent.ok(); ++i) {
        sent = client->send(wire::Chunk{std::as_bytes(std::span{data})});
    }
    EXPECT_EQ(sent.fault(), Fault::deadline_exceeded);
}

TEST_P(ShellBlockingLink, RefusesAFrameAboveItsBound) {
    server_options.frame_bytes_max = 1000;
    meet_well();
    const std::string data(2000, 'x');
    ASSERT_TRUE(client->send(wire::Chunk{std::as_bytes(std::span{data})}).ok());
    EXPECT_EQ(server->receive(message, chunk, long_enough).fault(), Fault::protocol_violation);
    EXPECT_EQ(server->send(wire::Chunk{std::as_bytes(std::span{data})}).fault(), Fault::limit_reached);
}

TEST_P(ShellBlockingLink, TellsWhenThereIsNobody) {
    std::uint16_t port = 0;
    {
        const Door closed;
        port = closed.port();
    }
    client = BlockingLink::connect(door_address, port, client_options, long_enough, client_fault, client_why);
    EXPECT_FALSE(client);
    EXPECT_EQ(client_fault, Fault::host_unreachable);
    EXPECT_NE(client_why.find("Connection refused"), std::string::npos) << client_why;
}

TEST_P(ShellBlockingLink, LimitsTheTimeOfAHandshake) {
    server_options.handshake_timeout = milliseconds(20);
    std::string why;
    const UniqueFd idle{start_connect(door_address, door.port(), why)};
    ASSERT_TRUE(idle) << why;
    server = BlockingLink::accept(door.accept(), server_options, server_fault, server_why);
    EXPECT_EQ(server == nullptr, GetParam()) << "plain TCP has nothing to wait for";
    EXPECT_EQ(server_fault, GetParam() ? Fault::deadline_exceeded : Fault::none);
}

TEST_P(ShellBlockingLink, RefusesGarbage) {
    std::string why;
    const UniqueFd fd{start_connect(door_address, door.port(), why)};
    ASSERT_TRUE(fd) << why;
    const int accepted = door.accept();
    const std::string garbage(1000, '\xee');
    ASSERT_EQ(::send(fd.get(), garbage.data(), garbage.size(), MSG_NOSIGNAL), 1000);
    server = BlockingLink::accept(accepted, server_options, server_fault, server_why);
    if (server) {
        server_fault = server->receive(message, chunk, long_enough).fault();
    }
    EXPECT_EQ(server_fault, Fault::protocol_violation) << server_why;
}

class ShellBlockingLinkNames : public ShellBlockingLink {};
INSTANTIATE_TEST_SUITE_P(Tls, ShellBlockingLinkNames, ::testing::Values(true),
                         [](const auto&) { return "tls"; });

TEST_P(ShellBlockingLinkNames, RefusesAServerWithAnotherName) {
    client_options.peer_name = "controller";
    meet();
    EXPECT_FALSE(client);
    EXPECT_EQ(client_fault, Fault::authentication_failed);
    EXPECT_NE(client_why.find("is for \"h2\", expected \"controller\""), std::string::npos) << client_why;
    EXPECT_FALSE(server);
    EXPECT_EQ(server_fault, Fault::authentication_failed) << server_why;
}

TEST_P(ShellBlockingLinkNames, RefusesAClientWithAnotherNameAndTellsIt) {
    server_options.peer_name = "controller";
    meet();
    EXPECT_FALSE(server);
    EXPECT_EQ(server_fault, Fault::authentication_failed) << server_why;
    EXPECT_FALSE(client);
    EXPECT_EQ(client_fault, Fault::authentication_failed) << client_why;
}

TEST_P(ShellBlockingLinkNames, RefusesAClientWhoseNameIsLongerThanAHostsCanBe) {
    client_options.tls = TestPki::instance().of("long");
    meet();
    EXPECT_FALSE(server);
    EXPECT_EQ(server_fault, Fault::authentication_failed) << server_why;
}

}  // namespace
}  // namespace ballast
