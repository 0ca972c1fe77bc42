// A destination that keeps to the framing of the messages, and answers what cannot be.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <thread>

#include "image_transfer_world.hpp"

namespace ballast::image {
namespace {

using namespace testing_files;

class HostileDestination : public testing::Test {
  protected:
    HostileDestination() : body_(message_bytes_max) {
        write_blocks(world.source, {1, 2, 3}, 4096);
        world.index(world.source);
        world.send.match_blocks = false;
        Welcome welcome;
        say(MessageType::welcome, encode(welcome, body_));
    }
    void say(MessageType type, std::size_t bytes) {
        std::array<std::byte, frame_header_bytes> head{};
        encode(FrameHead{.type = type, .body_bytes = static_cast<std::uint32_t>(bytes)}, head);
        said_.insert(said_.end(), head.begin(), head.end());
        said_.insert(said_.end(), body_.begin(), body_.begin() + static_cast<std::ptrdiff_t>(bytes));
    }
    void say_verified(std::uint64_t first, std::size_t count) {
        const std::vector<std::byte> digests(count * sizeof(Digest));
        say(MessageType::verified, encode(Verified{.first = first, .digests = digests}, body_));
    }
    void say_confirmed(const Progress& progress) { say(MessageType::confirmed, encode(progress, body_)); }
    // That the source ends by itself, for this reason: what it says is taken in, and the connection stays.
    void refused(const char* reason) {
        int fds[2] = {-1, -1};
        ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
        SocketStream source{UniqueFd{fds[0]}};
        SocketStream destination{UniqueFd{fds[1]}};
        Status status;
        std::string why;
        std::thread sender{[&] {
            TransferControl control;
            ImageSender sending{world.send, control};
            status = sending.run(source, why);
            source.shut_down();
        }};
        std::string ignored;
        static_cast<void>(destination.send(said_, ignored));
        std::array<std::byte, 1> taken_in{};
        while (destination.receive(taken_in, ignored).ok()) {
        }
        sender.join();
        EXPECT_EQ(status.fault(), Fault::protocol_violation) << why;
        EXPECT_NE(why.find(reason), std::string::npos) << why;
    }

    TransferWorld world;
    std::vector<std::byte> body_;

  private:
    std::vector<std::byte> said_;
};

TEST_F(HostileDestination, ThatHasVerifiedSegmentsBeyondTheImage) {
    say_verified(1, 1);
    refused("its welcome makes no sense");
}

TEST_F(HostileDestination, ThatConfirmsSegmentsThatWereNotSent) {
    say_verified(0, 0);
    say_confirmed({.settled = 2});
    refused("it confirms what was not sent");
}

TEST_F(HostileDestination, ThatAnswersQuestionsThatWereNotAsked) {
    say_verified(0, 0);
    say_confirmed({.answered = 7});
    refused("it confirms what was not sent");
}

TEST_F(HostileDestination, ThatRefusesASegmentBeyondTheImage) {
    say_verified(0, 0);
    say(MessageType::refused, encode(SegmentRange{.first = 1, .count = 1}, body_));
    refused("it refuses what was not sent");
}

TEST_F(HostileDestination, ThatAnswersAQuestionOfKeysWithSomethingElse) {
    world.send.match_blocks = true;
    say_verified(0, 0);
    say_confirmed({});
    refused("its answer does not fit the question");
}

}  // namespace
}  // namespace ballast::image
