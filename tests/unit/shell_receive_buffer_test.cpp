#include "shell/receive_buffer.hpp"

#include <gtest/gtest.h>

#include <string>

namespace ballast {
namespace {

constexpr std::size_t frame_max = 64 * 1024;

std::string frame(std::size_t payload_bytes) {
    std::string bytes;
    wire::Codec codec;
    EXPECT_TRUE(codec.encode(wire::Message{wire::Ping{payload_bytes}}, frame_max, bytes).ok());
    return bytes;
}

void receive(ReceiveBuffer& buffer, std::string_view bytes) {
    const std::span<std::byte> space = buffer.space();
    ASSERT_GE(space.size(), bytes.size());
    std::memcpy(space.data(), bytes.data(), bytes.size());
    buffer.received(bytes.size());
}

TEST(ReceiveBuffer, LeavesItsMemoryToOthersWhenEveryFrameWasTaken) {
    SpareBytes spare;
    ReceiveBuffer one{frame_max, spare};
    ReceiveBuffer other{frame_max, spare};
    receive(one, frame(1));
    const std::byte* const memory = one.next_frame().value().data();
    EXPECT_TRUE(one.next_frame().value().empty());
    one.rest();
    EXPECT_GT(spare.kept_bytes(), 0U);
    receive(other, frame(1));
    EXPECT_EQ(spare.kept_bytes(), 0U);
    EXPECT_EQ(other.next_frame().value().data(), memory);
}

TEST(ReceiveBuffer, KeepsAPartOfAFrameThroughARest) {
    SpareBytes spare;
    ReceiveBuffer one{frame_max, spare};
    ReceiveBuffer other{frame_max, spare};
    const std::string whole = frame(7);
    receive(one, std::string_view{whole}.substr(0, 5));
    EXPECT_TRUE(one.next_frame().value().empty());
    one.rest();
    EXPECT_TRUE(one.holds_part());
    receive(other, frame(8));
    EXPECT_FALSE(other.next_frame().value().empty());
    other.rest();
    receive(one, std::string_view{whole}.substr(5));
    EXPECT_EQ(one.next_frame().value().size(), whole.size() - wire::frame_header_bytes);
}

TEST(SpareBytes, KeepTheLargestOfWhatComesBack) {
    SpareBytes spare;
    std::vector<std::byte> small = spare.take(10);
    std::vector<std::byte> large = spare.take(100);
    spare.give_back(std::move(large));
    spare.give_back(std::move(small));
    EXPECT_EQ(spare.kept_bytes(), 100U);
    EXPECT_EQ(spare.take(50).size(), 100U);
    EXPECT_EQ(spare.kept_bytes(), 0U);
}

}  // namespace
}  // namespace ballast
