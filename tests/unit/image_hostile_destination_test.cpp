// A destination that keeps to the framing of the messages, and answers what cannot be.
#include <gtest/gtest.h>

#include "image_transfer_world.hpp"

namespace ballast::image {
namespace {

using namespace testing_files;

class HostileDestination : public testing::Test {
  protected:
    HostileDestination() {
        write_blocks(world.source, {1, 2, 3}, 4096);
        world.index(world.source);
        world.send.match_blocks = false;
        speech.say(MessageType::welcome, Welcome{});
    }
    void say_verified(std::uint64_t first, std::size_t count) {
        const std::vector<std::byte> digests(count * sizeof(Digest));
        speech.say(MessageType::verified, Verified{.first = first, .digests = digests});
    }
    void say_confirmed(const Progress& progress) { speech.say(MessageType::confirmed, progress); }
    // That the source ends by itself, for this reason.
    void refused(const char* reason) {
        std::string why;
        EXPECT_EQ(world.sender_hears(speech, why).fault(), Fault::protocol_violation) << why;
        EXPECT_NE(why.find(reason), std::string::npos) << why;
    }

    TransferWorld world;
    Speech speech;
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
    speech.say(MessageType::refused, SegmentRange{.first = 1, .count = 1});
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
