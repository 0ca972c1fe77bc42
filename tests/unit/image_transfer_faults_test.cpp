#include "image/receiver.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <numeric>

#include "base/prng.hpp"
#include "image_transfer_world.hpp"

namespace ballast::image {
namespace {

using namespace testing_files;

constexpr std::size_t fault_block = 4096;

class ImageTransferFaults : public testing::Test {
  protected:
    ImageTransferFaults() {
        std::vector<std::uint64_t> numbers(2000);
        for (std::size_t i = 0; i < numbers.size(); ++i) {
            numbers[i] = i + 1;
        }
        write_blocks(world.source, numbers, fault_block);
        numbers.resize(800);
        write_blocks(local, numbers, fault_block);
        world.index(world.source);
        world.index(local);
        world.add_local(local);
    }
    void succeed(const Outcome& outcome) {
        ASSERT_TRUE(outcome.sender.ok()) << outcome.sender_why;
        ASSERT_TRUE(outcome.receiver.ok()) << outcome.receiver_why;
        EXPECT_TRUE(world.target_is_source());
    }

    TransferWorld world;
    std::string local = world.folder.path("local.raw");
};

TEST_F(ImageTransferFaults, AfterACutOnlyTheRestTravels) {
    world.prepare = [](HarmfulStream&, HarmfulStream& at_destination) {
        at_destination.cut_after = 3'500'000;
    };
    const Outcome first = world.transfer();
    EXPECT_EQ(first.receiver.fault(), Fault::connection_lost);
    EXPECT_EQ(first.sender.fault(), Fault::connection_lost) << first.sender_why;
    world.prepare = nullptr;
    const Outcome second = world.transfer();
    succeed(second);
    EXPECT_GE(second.received.resumed_segments, 5U);
    EXPECT_EQ(second.sent.skipped_segments, second.received.resumed_segments);
    EXPECT_LT(second.to_destination, 2'500'000U);
}

TEST_F(ImageTransferFaults, WhereverTheConnectionBreaksItCanBeResumed) {
    Prng prng{4};
    std::uint64_t at = 1;
    for (int i = 0; i < 12; ++i) {
        world.prepare = [at](HarmfulStream&, HarmfulStream& at_destination) {
            at_destination.cut_after = at;
        };
        const Outcome cut = world.transfer();
        if (cut.receiver.ok()) {
            break;  // what was left was less
        }
        EXPECT_EQ(cut.receiver.fault(), Fault::connection_lost) << cut.receiver_why;
        at = i < 4 ? at * 7 : prng.below(2'000'000);
    }
    world.prepare = nullptr;
    succeed(world.transfer());
}

TEST_F(ImageTransferFaults, WhatTheDiskLostIsSentAgain) {
    world.prepare = [](HarmfulStream&, HarmfulStream& at_destination) {
        at_destination.cut_after = 3'500'000;
    };
    EXPECT_FALSE(world.transfer().receiver.ok());
    write_at(world.target, 100, block_of(5, 10));
    world.prepare = nullptr;
    succeed(world.transfer());
}

// A later round of one process does not read again what the ones before have written, but the last one does.
TEST_F(ImageTransferFaults, WhatTheDiskLostAfterAnEarlierRoundIsSeenInTheLast) {
    world.receive.last_round = false;
    succeed(world.transfer());
    const std::vector<std::byte> lost(fault_block);
    write_at(world.target, 3 * segment_bytes, lost);
    world.receive.last_round = true;
    world.receive.trust_journal = true;
    Outcome outcome = world.transfer();
    EXPECT_EQ(outcome.receiver.fault(), Fault::image_corrupt);
    EXPECT_NE(outcome.receiver_why.find("segment 3 does not read back as it was written"), std::string::npos)
        << outcome.receiver_why;
    // Another attempt sends it.
    outcome = world.transfer();
    succeed(outcome);
    EXPECT_EQ(outcome.sent.skipped_segments + 1, segments_of(outcome.sent.image_bytes));
}

TEST_F(ImageTransferFaults, WhatTheGuestWroteInBetweenIsSentAgain) {
    world.prepare = [](HarmfulStream&, HarmfulStream& at_destination) {
        at_destination.cut_after = 3'500'000;
    };
    EXPECT_FALSE(world.transfer().receiver.ok());
    write_at(world.source, 100, block_of(5, 10));
    world.prepare = nullptr;
    succeed(world.transfer());
}

TEST_F(ImageTransferFaults, ABitFlippedAnywhereOnTheWayIsFound) {
    Prng prng{5};
    int found_by_digest = 0;
    world.silence_ms = 1000;  // a length that was flipped may announce what never comes
    for (int round = 0; round < 16; ++round) {
        std::filesystem::remove(world.target);
        std::filesystem::remove(world.target + ".journal");
        const bool to_source = round % 4 == 0;
        // Late ones too: the end of what is sent.
        const std::uint64_t flip = prng.below(to_source ? 2'000 : 4'900'000);
        const auto mask = static_cast<std::byte>(1U << prng.below(8));
        world.prepare = [&](HarmfulStream& at_source, HarmfulStream& at_destination) {
            (to_source ? at_source : at_destination).harm = [=](std::uint64_t at,
                                                                std::span<std::byte> bytes) {
                if (at <= flip && flip < at + bytes.size()) {
                    bytes[flip - at] ^= mask;
                }
            };
        };
        const Outcome outcome = world.transfer();
        if (outcome.sender.ok()) {
            ASSERT_TRUE(outcome.receiver.ok()) << "the source may go on only when the image is complete";
            ASSERT_TRUE(world.target_is_source()) << "byte " << flip << " in round " << round;
            found_by_digest += outcome.sent.resent_segments > 0 ? 1 : 0;
        } else {
            EXPECT_FALSE(outcome.sender_why.empty());
        }
    }
    EXPECT_GE(found_by_digest, 1);
}

TEST_F(ImageTransferFaults, ADestinationWithoutRoomRefusesBeforeAnythingIsSent) {
    world.receive.reserve_bytes = std::uint64_t{1} << 60;
    const Outcome outcome = world.transfer();
    EXPECT_EQ(outcome.receiver.fault(), Fault::no_disk_space);
    EXPECT_EQ(outcome.sender.fault(), Fault::no_disk_space);
    EXPECT_NE(outcome.sender_why.find("the other side gave up"), std::string::npos) << outcome.sender_why;
    EXPECT_NE(outcome.sender_why.find("MiB free"), std::string::npos) << outcome.sender_why;
    EXPECT_LT(outcome.to_destination, 200U);
}

TEST_F(ImageTransferFaults, AnImageThatShrinksMeanwhileIsAClearError) {
    world.prepare = [this](HarmfulStream&, HarmfulStream& at_destination) {
        at_destination.harm = [this](std::uint64_t at, std::span<std::byte>) {
            if (at > 100'000) {
                std::filesystem::resize_file(world.source, 900 * fault_block);
            }
        };
    };
    // Far more than the source reads ahead, the socket holds and one message brings.
    std::vector<std::uint64_t> numbers(16 * 256);
    std::iota(numbers.begin(), numbers.end(), std::uint64_t{1'000'000});
    write_blocks(world.source, numbers, fault_block);
    world.index(world.source);
    const Outcome outcome = world.transfer();
    EXPECT_EQ(outcome.sender.fault(), Fault::image_corrupt);
    EXPECT_NE(outcome.sender_why.find("ends at byte"), std::string::npos) << outcome.sender_why;
    EXPECT_NE(outcome.receiver_why.find("ends at byte"), std::string::npos) << outcome.receiver_why;
}

TEST_F(ImageTransferFaults, AnImageThatGrowsMeanwhileTravelsAsItWas) {
    world.prepare = [this](HarmfulStream&, HarmfulStream& at_destination) {
        at_destination.harm = [this](std::uint64_t at, std::span<std::byte>) {
            if (at > 100'000) {
                std::filesystem::resize_file(world.source, 3000 * fault_block);
            }
        };
    };
    const Outcome outcome = world.transfer();
    ASSERT_TRUE(outcome.receiver.ok()) << outcome.receiver_why;
    EXPECT_EQ(std::filesystem::file_size(world.target), 2000 * fault_block);
    std::filesystem::resize_file(world.source, 2000 * fault_block);
    EXPECT_TRUE(world.target_is_source());
}

TEST_F(ImageTransferFaults, CanBeCancelledOnEitherSide) {
    world.sender_control.cancelled = true;
    const Outcome outcome = world.transfer();
    EXPECT_EQ(outcome.sender.fault(), Fault::cancelled);
    EXPECT_EQ(outcome.receiver.fault(), Fault::cancelled) << outcome.receiver_why;
    world.sender_control.cancelled = false;
    world.receiver_control.cancelled = true;
    EXPECT_EQ(world.transfer().sender.fault(), Fault::cancelled);
    world.receiver_control.cancelled = false;
    succeed(world.transfer());
    EXPECT_EQ(world.sender_control.done_bytes, world.sender_control.image_bytes);
}

TEST_F(ImageTransferFaults, LocalImagesThatAreGoneOrDamagedAreLeftOut) {
    world.receive.locals.push_back({.path = world.folder.path("gone"), .index = local + ".index"});
    world.receive.locals.push_back({.path = local, .index = local});
    const Outcome outcome = world.transfer();
    succeed(outcome);
    EXPECT_EQ(outcome.received.locals_left_out.size(), 2U);
    EXPECT_EQ(outcome.sent.copied_bytes, 800 * fault_block);
}

TEST_F(ImageTransferFaults, ASourceThatSaysAnythingElseIsRefused) {
    std::string why;
    const Speech nonsense{std::vector<std::byte>(200, std::byte{0xff})};
    EXPECT_EQ(world.receiver_hears(nonsense, why).fault(), Fault::protocol_violation);
    EXPECT_NE(why.find("no message"), std::string::npos) << why;
    const Speech no_greeting{{std::byte{1}, {}, {}, {}, std::byte{6}}};
    EXPECT_EQ(world.receiver_hears(no_greeting, why).fault(), Fault::protocol_violation);
    EXPECT_NE(why.find("did not begin with a greeting"), std::string::npos) << why;
    EXPECT_EQ(world.receiver_hears({}, why).fault(), Fault::connection_lost);
    Speech newer;
    newer.say(MessageType::hello, Hello{.version = transfer_version + 1, .image_bytes = 100});
    EXPECT_EQ(world.receiver_hears(newer, why).fault(), Fault::version_mismatch);
    EXPECT_NE(why.find("another version"), std::string::npos) << why;
}

TEST_F(ImageTransferFaults, ADestinationThatSaysAnythingElseIsRefused) {
    std::string why;
    const Speech nonsense{std::vector<std::byte>(200, std::byte{0xff})};
    EXPECT_EQ(world.sender_hears(nonsense, why).fault(), Fault::protocol_violation);
    EXPECT_NE(why.find("no message"), std::string::npos) << why;
    EXPECT_EQ(world.sender_hears({}, why).fault(), Fault::connection_lost) << why;
    Welcome welcome;
    welcome.version = transfer_version + 1;
    Speech newer;
    newer.say(MessageType::welcome, welcome);
    EXPECT_EQ(world.sender_hears(newer, why).fault(), Fault::version_mismatch);
    EXPECT_NE(why.find("another version"), std::string::npos) << why;
    // A welcome, and then that all is done: before the source has sent anything.
    Speech hasty;
    hasty.say(MessageType::welcome, Welcome{});
    hasty.say_body(MessageType::finished, std::vector<std::byte>(32));
    EXPECT_EQ(world.sender_hears(hasty, why).fault(), Fault::protocol_violation) << why;
}

// Nothing at all comes, and the connection stays: it is given up.
TEST_F(ImageTransferFaults, AnOtherSideThatStopsIsGivenUp) {
    int fds[2] = {-1, -1};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    SocketStream source{UniqueFd{fds[0]}, 50};
    const UniqueFd silent{fds[1]};
    TransferControl control;
    ImageSender sending{world.send, control};
    std::string why;
    EXPECT_EQ(sending.run(source, why).fault(), Fault::connection_lost);
    EXPECT_NE(why.find("silent"), std::string::npos) << why;
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    SocketStream destination{UniqueFd{fds[0]}, 50};
    const UniqueFd silent_too{fds[1]};
    ImageReceiver receiving{world.receive, control};
    EXPECT_EQ(receiving.run(destination, why).fault(), Fault::connection_lost);
    EXPECT_NE(why.find("silent"), std::string::npos) << why;
}

}  // namespace
}  // namespace ballast::image
