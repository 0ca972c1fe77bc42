#include "image/sender.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include "base/prng.hpp"
#include "image/core/md5.hpp"
#include "image_transfer_world.hpp"

namespace ballast::image {
namespace {

using namespace testing_files;

constexpr std::size_t block = 4096;
constexpr std::size_t segment_blocks = segment_bytes / block;

std::vector<std::uint64_t> numbers_from(std::uint64_t first, std::size_t count) {
    std::vector<std::uint64_t> numbers(count);
    for (std::size_t i = 0; i < count; ++i) {
        numbers[i] = first + i;
    }
    return numbers;
}

class ImageTransfer : public testing::Test {
  protected:
    void succeed(const Outcome& outcome) {
        ASSERT_TRUE(outcome.sender.ok()) << outcome.sender_why;
        ASSERT_TRUE(outcome.receiver.ok()) << outcome.receiver_why;
        EXPECT_TRUE(world.target_is_source());
    }
    std::string path(const std::string& name) { return world.folder.path(name); }

    TransferWorld world;
};

TEST_F(ImageTransfer, WithoutLocalImagesEveryDifferentBlockTravelsOnce) {
    auto numbers = numbers_from(1, 600);
    const auto again = numbers_from(1, 300);
    numbers.insert(numbers.end(), again.begin(), again.end());
    write_blocks(world.source, numbers, block);
    world.index(world.source);
    const Outcome outcome = world.transfer();
    succeed(outcome);
    EXPECT_EQ(outcome.sent.literal_bytes, 600 * block);
    EXPECT_EQ(outcome.sent.repeated_bytes, 300 * block);
    EXPECT_LT(outcome.to_destination, 601 * block);
    EXPECT_EQ(world.folder.names(),
              (std::vector<std::string>{"source.raw", "source.raw.index", "target.raw"}));
}

TEST_F(ImageTransfer, BlocksThatAreThereDoNotTravel) {
    Prng prng{1};
    auto numbers = numbers_from(1, 1000);
    write_blocks(path("a.raw"), {numbers.begin(), numbers.begin() + 500}, block);
    write_blocks(path("b.raw"), {numbers.begin() + 400, numbers.begin() + 900}, block);
    for (std::size_t i = numbers.size(); i > 1; --i) {
        std::swap(numbers[i - 1], numbers[prng.below(i)]);
    }
    numbers.insert(numbers.begin() + 500, 300, 0);
    write_blocks(world.source, numbers, block);
    for (const std::string& image : {world.source, path("a.raw"), path("b.raw")}) {
        world.index(image);
    }
    world.add_local(path("a.raw"));
    world.add_local(path("b.raw"));
    const Outcome outcome = world.transfer();
    succeed(outcome);
    EXPECT_EQ(outcome.sent.copied_bytes, 900 * block);
    EXPECT_EQ(outcome.sent.literal_bytes, 100 * block);
    EXPECT_EQ(outcome.received.copied_bytes, 900 * block);
    EXPECT_EQ(outcome.sent.resent_segments, 0U);
}

TEST_F(ImageTransfer, AHugeHoleIsAFewBytes) {
    write_blocks(world.source, {5}, block);
    ASSERT_EQ(::truncate(world.source.c_str(), (off_t{3} << 30) + 5000), 0);
    write_at(world.source, std::uint64_t{3} << 30, block_of(6, 5000));
    world.index(world.source);
    world.receive.reread = Reread::nothing;
    const Outcome outcome = world.transfer();
    ASSERT_TRUE(outcome.receiver.ok()) << outcome.receiver_why;
    ASSERT_TRUE(outcome.sender.ok()) << outcome.sender_why;
    EXPECT_LT(outcome.to_destination, 12'000U);
    EXPECT_EQ(std::filesystem::file_size(world.target), (std::uint64_t{3} << 30) + 5000);
    struct stat status {};
    ASSERT_EQ(::stat(world.target.c_str(), &status), 0);
    EXPECT_LT(status.st_blocks * 512, 4 * 1024 * 1024);
}

TEST_F(ImageTransfer, SizesThatAreNoMultiplesOfAnything) {
    for (const off_t size : {off_t{0}, off_t{1}, off_t{511}, off_t{4097}, off_t{segment_bytes + 1},
                             off_t{3 * segment_bytes - 700}}) {
        std::filesystem::remove(world.target);
        write_blocks(world.source, numbers_from(1, 3 * segment_blocks), block);
        ASSERT_EQ(::truncate(world.source.c_str(), size), 0);
        world.index(world.source, true);
        succeed(world.transfer());
    }
}

TEST_F(ImageTransfer, SectorsOfChangedBlocksAreFoundWhereThatPays) {
    const auto sectors = numbers_from(1, 8 * 1000);
    write_blocks(path("old.raw"), sectors, 512);
    auto changed = sectors;
    for (std::size_t i = 0; i < 1000; i += 2) {
        changed[8 * i + 3] = 100'000 + i;
    }
    write_blocks(world.source, changed, 512);
    world.index(world.source);
    world.index(path("old.raw"), true);
    world.add_local(path("old.raw"));
    const Outcome outcome = world.transfer();
    succeed(outcome);
    EXPECT_TRUE(outcome.sent.sectors_used);
    EXPECT_EQ(outcome.sent.literal_bytes, 500U * 512);
    std::filesystem::remove(world.target);
    world.send.two_levels = false;
    const Outcome coarse = world.transfer();
    succeed(coarse);
    EXPECT_EQ(coarse.sent.literal_bytes, 500U * block);
}

TEST_F(ImageTransfer, SectorsAreNotAskedForWhenASampleFindsNone) {
    write_blocks(world.source, numbers_from(1, 2000), block);
    write_blocks(path("other.raw"), numbers_from(10'000, 100), block);
    world.index(world.source);
    world.index(path("other.raw"), true);
    world.add_local(path("other.raw"));
    const Outcome outcome = world.transfer();
    succeed(outcome);
    EXPECT_FALSE(outcome.sent.sectors_used);
}

TEST_F(ImageTransfer, AStaleIndexOfALocalImageCostsBytesButNothingElse) {
    const auto numbers = numbers_from(1, 1000);
    write_blocks(world.source, numbers, block);
    write_blocks(path("a.raw"), numbers, block);
    world.index(world.source);
    world.index(path("a.raw"));
    world.add_local(path("a.raw"));
    write_at(path("a.raw"), 300 * block + 17, {std::byte{1}, std::byte{2}});
    const Outcome outcome = world.transfer();
    succeed(outcome);
    EXPECT_EQ(outcome.sent.resent_segments, 1U);
    EXPECT_EQ(outcome.received.refused_segments, 1U);
    EXPECT_EQ(outcome.sent.literal_bytes, segment_bytes);
}

TEST_F(ImageTransfer, AnIndexThatLiesAboutItsImageCostsBytesButNothingElse) {
    const auto numbers = numbers_from(1, 1000);
    write_blocks(world.source, numbers, block);
    write_blocks(path("truth.raw"), numbers, block);
    write_blocks(path("liar.raw"), numbers_from(50'000, 900), block);
    world.index(world.source);
    world.index(path("truth.raw"));
    world.receive.locals.push_back({.path = path("liar.raw"), .index = path("truth.raw") + ".index"});
    const Outcome outcome = world.transfer();
    succeed(outcome);
    EXPECT_EQ(outcome.sent.resent_segments, 4U);
}

TEST_F(ImageTransfer, AStaleIndexOfTheSourceCostsBytesButNothingElse) {
    auto numbers = numbers_from(1, 1000);
    numbers.insert(numbers.end(), 500, 0);
    write_blocks(world.source, numbers, block);
    write_blocks(path("a.raw"), numbers, block);
    world.index(world.source);
    world.index(path("a.raw"));
    world.add_local(path("a.raw"));
    write_at(world.source, 10 * block, block_of(77'777, block));
    write_at(world.source, 1200 * block + 100, block_of(88'888, 50));
    ASSERT_EQ(::truncate(world.source.c_str(), 1700 * block + 9), 0);
    succeed(world.transfer());
}

TEST_F(ImageTransfer, ARoundAfterTheFirstBringsOnlyWhatTheGuestHasWritten) {
    write_blocks(world.source, numbers_from(1, 2000), block);
    world.index(world.source);
    world.receive.last_round = false;
    succeed(world.transfer());
    write_at(world.source, 700 * block, block_of(99'999, block));
    const Outcome second = world.transfer();
    succeed(second);
    EXPECT_EQ(second.sent.skipped_segments, 7U);
    EXPECT_EQ(second.sent.literal_bytes, segment_bytes);
    world.receive.last_round = true;
    const Outcome last = world.transfer();
    succeed(last);
    EXPECT_EQ(last.sent.skipped_segments, 8U);
    EXPECT_EQ(world.folder.names(),
              (std::vector<std::string>{"source.raw", "source.raw.index", "target.raw"}));
}

TEST_F(ImageTransfer, ALaterRoundSendsTheBlocksThatChangedAndNotTheirSegments) {
    write_blocks(world.source, numbers_from(1, 2000), block);
    world.index(world.source);
    world.send.sent_blocks = path("sent");
    world.receive.last_round = false;
    world.receive.reread = Reread::written;
    succeed(world.transfer());
    write_at(world.source, 700 * block, block_of(99'999, block));
    write_at(world.source, 702 * block + 5, block_of(99'998, 10));
    write_at(world.source, 1500 * block, std::vector<std::byte>(block));
    world.send.match_blocks = false;
    world.receive.trust_journal = true;
    const Outcome second = world.transfer();
    succeed(second);
    EXPECT_EQ(second.sent.skipped_segments, 6U);
    EXPECT_EQ(second.sent.literal_bytes, 2 * block);
    EXPECT_EQ(second.sent.resent_segments, 0U);
    // What was kept of another image helps nobody and harms nobody.
    write_at(path("sent"), 100, block_of(1, 5000));
    write_at(world.source, 710 * block, block_of(99'997, block));
    const Outcome third = world.transfer();
    succeed(third);
    EXPECT_GE(third.sent.literal_bytes, std::uint64_t{block});
}

// The published collision of X. Wang, D. Feng, X. Lai, H. Yu: "Collisions for Hash Functions MD4, MD5,
// HAVAL-128 and RIPEMD", IACR ePrint 2004/199 (with the initial value corrected, August 17, 2004): two
// messages of 128 bytes that differ in six bits and have one MD5.
constexpr std::array<std::uint8_t, 128> collision_one{
    0xd1, 0x31, 0xdd, 0x02, 0xc5, 0xe6, 0xee, 0xc4, 0x69, 0x3d, 0x9a, 0x06, 0x98, 0xaf, 0xf9, 0x5c,
    0x2f, 0xca, 0xb5, 0x87, 0x12, 0x46, 0x7e, 0xab, 0x40, 0x04, 0x58, 0x3e, 0xb8, 0xfb, 0x7f, 0x89,
    0x55, 0xad, 0x34, 0x06, 0x09, 0xf4, 0xb3, 0x02, 0x83, 0xe4, 0x88, 0x83, 0x25, 0x71, 0x41, 0x5a,
    0x08, 0x51, 0x25, 0xe8, 0xf7, 0xcd, 0xc9, 0x9f, 0xd9, 0x1d, 0xbd, 0xf2, 0x80, 0x37, 0x3c, 0x5b,
    0xd8, 0x82, 0x3e, 0x31, 0x56, 0x34, 0x8f, 0x5b, 0xae, 0x6d, 0xac, 0xd4, 0x36, 0xc9, 0x19, 0xc6,
    0xdd, 0x53, 0xe2, 0xb4, 0x87, 0xda, 0x03, 0xfd, 0x02, 0x39, 0x63, 0x06, 0xd2, 0x48, 0xcd, 0xa0,
    0xe9, 0x9f, 0x33, 0x42, 0x0f, 0x57, 0x7e, 0xe8, 0xce, 0x54, 0xb6, 0x70, 0x80, 0xa8, 0x0d, 0x1e,
    0xc6, 0x98, 0x21, 0xbc, 0xb6, 0xa8, 0x83, 0x93, 0x96, 0xf9, 0x65, 0x2b, 0x6f, 0xf7, 0x2a, 0x70};

std::vector<std::byte> colliding_block(bool other) {
    std::vector<std::byte> bytes = block_of(1, block);
    for (std::size_t i = 0; i < collision_one.size(); ++i) {
        bytes[i] = static_cast<std::byte>(collision_one[i]);
    }
    if (other) {
        for (const std::size_t at : {std::size_t{19}, std::size_t{45}, std::size_t{59}, std::size_t{83},
                                     std::size_t{109}, std::size_t{123}}) {
            bytes[at] ^= std::byte{0x80};
        }
    }
    return bytes;
}

TEST_F(ImageTransfer, APlantedMd5CollisionIsCaughtByTheKeyedDigest) {
    const auto here = colliding_block(false);
    const auto there = colliding_block(true);
    ASSERT_NE(here, there);
    const std::array blocks{here.data(), there.data()};
    std::array<Md5Digest, 2> md5;
    md5_blocks(Md5Kernel::sse2, blocks, block, md5);
    ASSERT_EQ(md5[0], md5[1]) << "no collision: this test would show nothing";

    const auto numbers = numbers_from(10, 300);
    write_blocks(world.source, numbers, block);
    write_blocks(path("planted.raw"), numbers, block);
    write_at(world.source, 100 * block, here);
    write_at(path("planted.raw"), 100 * block, there);
    world.index(world.source);
    world.index(path("planted.raw"));
    world.add_local(path("planted.raw"));
    const Outcome outcome = world.transfer();
    succeed(outcome);
    EXPECT_EQ(outcome.sent.copied_bytes, 300 * block) << "the index did take them for the same";
    EXPECT_EQ(outcome.received.refused_segments, 1U);
    EXPECT_EQ(outcome.sent.resent_segments, 1U);
}

}  // namespace
}  // namespace ballast::image
