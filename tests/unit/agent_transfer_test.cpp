#include "agent/transfer.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <thread>
#include <vector>

#include "agent/image_digest.hpp"
#include "base/prng.hpp"

namespace ballast::agent {
namespace {

// A source and a destination link, joined by a loopback-like socket pair.
struct Links {
    Links() {
        int ends[2] = {-1, -1};
        EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
        Fault fault = Fault::none;
        std::string why;
        a = BlockingLink::accept(ends[0], {}, fault, why);
        EXPECT_NE(a, nullptr) << why;
        b = BlockingLink::accept(ends[1], {}, fault, why);
        EXPECT_NE(b, nullptr) << why;
    }
    std::unique_ptr<BlockingLink> a;
    std::unique_ptr<BlockingLink> b;
};

std::vector<char> image(std::size_t size) {
    Prng random{3};
    std::vector<char> bytes(size);
    for (std::size_t i = 0; i < size; ++i) {  // half noise, half repetition
        bytes[i] = (i / 4096) % 2 == 0 ? static_cast<char>(random.next()) : static_cast<char>(i / 4096);
    }
    return bytes;
}

void write_all(int fd, const std::vector<char>& bytes) {
    std::size_t at = 0;
    while (at < bytes.size()) {
        const ssize_t written =
            ::send(fd, bytes.data() + at, std::min<std::size_t>(bytes.size() - at, 70'000), MSG_NOSIGNAL);
        if (written <= 0) {
            return;
        }
        at += static_cast<std::size_t>(written);
    }
}

std::vector<char> read_all(int fd) {
    std::vector<char> bytes;
    char buffer[65536];
    for (ssize_t got = 0; (got = ::read(fd, buffer, sizeof buffer)) > 0;) {
        bytes.insert(bytes.end(), buffer, buffer + got);
    }
    return bytes;
}

TEST(AgentTransfer, CarriesAnImageUnchangedUnderEverySetting) {
    const std::vector<char> sent = image(5'000'001);
    for (const CompressionSetting setting : {CompressionSetting::automatic, CompressionSetting::none,
                                             CompressionSetting::lz4, CompressionSetting::zstd}) {
        Links links;
        ImageSender sender{*links.a, setting};
        ImageReceiver receiver{*links.b, seconds(20)};
        std::vector<char> received;
        std::thread destination{[&] { received = read_all(receiver.image_fd()); }};
        write_all(sender.image_fd(), sent);
        EXPECT_TRUE(sender.finish(true).ok());
        destination.join();
        Detail said;
        EXPECT_TRUE(receiver.finish(false, said).ok()) << said.view();
        EXPECT_EQ(sender.image_bytes(), sent.size());
        EXPECT_EQ(receiver.image_bytes(), sent.size());
        EXPECT_TRUE(received == sent);
    }
}

TEST(AgentTransfer, SendsWhatAPausingStreamHasBrought) {
    Links links;
    ImageSender sender{*links.a, CompressionSetting::none};
    const std::vector<char> part = image(10'000);
    write_all(sender.image_fd(), part);  // and no end: more may come
    std::size_t received = 0;
    while (received < part.size()) {
        wire::Message message;
        wire::Chunk piece;
        ASSERT_TRUE(links.b->receive(message, piece, seconds(20)).ok());
        received += piece.data.size();
    }
    EXPECT_EQ(received, part.size());
    EXPECT_TRUE(sender.finish(true).ok());
}

TEST(AgentTransfer, EndsTheImageForTheDestinationWhenTheSourceIsGone) {
    Links links;
    ImageReceiver receiver{*links.b, seconds(20)};
    links.a.reset();
    EXPECT_TRUE(read_all(receiver.image_fd()).empty());
    Detail said;
    EXPECT_EQ(receiver.finish(false, said).fault(), Fault::connection_lost);
}

TEST(AgentTransfer, EndsTheImageForTheSourceWhenTheDestinationIsGone) {
    Links links;
    ImageSender sender{*links.a, CompressionSetting::none};
    links.b.reset();
    write_all(sender.image_fd(), image(50'000'000));  // returns, because somebody stops taking it
    EXPECT_FALSE(sender.finish(false).ok());
}

TEST(AgentTransfer, TellsAnImageWhoseEndMarkDisagrees) {
    Links links;
    ImageReceiver receiver{*links.b, seconds(20)};
    ASSERT_TRUE(links.a->send(wire::Message{wire::MigrationEnd{5}}).ok());
    EXPECT_TRUE(read_all(receiver.image_fd()).empty());
    Detail said;
    EXPECT_EQ(receiver.finish(false, said).fault(), Fault::image_corrupt);
}

// What a fault in either program would do: all bytes there, one piece twice and another not at all.
TEST(AgentTransfer, TellsAnImageInWhichOnePieceStandsForAnother) {
    const std::string first(1000, 'a');
    const std::string second(1000, 'b');
    ImageDigest whole;
    whole.add(std::as_bytes(std::span{first}));
    whole.add(std::as_bytes(std::span{second}));
    for (const std::string& sent : {second, first}) {
        Links links;
        ImageReceiver receiver{*links.b, seconds(20)};
        std::thread destination{[&] { (void)read_all(receiver.image_fd()); }};
        for (const std::string* piece : {&first, &sent}) {
            ASSERT_TRUE(links.a
                            ->send(wire::Chunk{.data = std::as_bytes(std::span{*piece}),
                                               .compression = wire::Compression::none,
                                               .plain_bytes = 1000})
                            .ok());
        }
        ASSERT_TRUE(links.a->send(wire::Message{wire::MigrationEnd{2000, whole.value()}}).ok());
        destination.join();
        Detail said;
        EXPECT_EQ(receiver.finish(false, said).fault(), sent == second ? Fault::none : Fault::image_corrupt);
    }
}

TEST(AgentTransfer, TakesAnImageOfASourceThatGivesNoDigest) {
    Links links;
    ImageReceiver receiver{*links.b, seconds(20)};
    ASSERT_TRUE(links.a->send(wire::Message{wire::MigrationEnd{0}}).ok());
    EXPECT_TRUE(read_all(receiver.image_fd()).empty());
    Detail said;
    EXPECT_TRUE(receiver.finish(false, said).ok());
}

TEST(AgentTransfer, HearsTheDestinationsWordInTheMiddleOfTheImage) {
    Links links;
    ImageSender sender{*links.a, CompressionSetting::none};
    ASSERT_TRUE(links.b->send(wire::Message{wire::MigrationAborted{{}, Fault::no_memory, "full"}}).ok());
    write_all(sender.image_fd(), image(50'000'000));  // returns, because somebody stops taking it
    EXPECT_EQ(sender.finish(false).fault(), Fault::cancelled);
    wire::Message message;
    wire::Chunk piece;
    ASSERT_TRUE(links.a->receive(message, piece, seconds(20)).ok());
    EXPECT_EQ(std::get<wire::MigrationAborted>(message).detail, "full");
}

TEST(AgentTransfer, LeavesTheConnectionWholeWhenTheImageIsNotWantedAnyMore) {
    Links links;
    ImageReceiver receiver{*links.b, seconds(20)};
    Detail said;
    EXPECT_EQ(receiver.finish(true, said).fault(), Fault::cancelled);
    ASSERT_TRUE(links.a->send(wire::Message{wire::MigrationEnd{5}}).ok());
    wire::Message message;
    wire::Chunk piece;
    EXPECT_TRUE(links.b->receive(message, piece, seconds(20)).ok());
}

TEST(AgentTransfer, HandsOnWhyTheSourceGaveUp) {
    Links links;
    ImageReceiver receiver{*links.b, seconds(20)};
    ASSERT_TRUE(links.a->send(wire::Message{wire::MigrationAborted{{}, Fault::cancelled, "no more"}}).ok());
    (void)read_all(receiver.image_fd());
    Detail said;
    EXPECT_EQ(receiver.finish(false, said).fault(), Fault::cancelled);
    EXPECT_EQ(said, "no more");
}

}  // namespace
}  // namespace ballast::agent
