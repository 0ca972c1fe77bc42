#include "image/core/effort.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/prng.hpp"
#include "image/compressor.hpp"

namespace ballast::image {
namespace {

constexpr std::int64_t ms = 1'000'000;

TEST(Effort, RisesWhenTheLinkKeepsWaiting) {
    Effort effort;
    int messages = 0;
    while (!effort.changes(2 * ms, 20 * ms, messages * 20 * ms)) {
        ASSERT_LT(++messages, 100);
    }
    EXPECT_TRUE(effort.strong());
    EXPECT_GT(messages, 10);  // not by the first impression
}

TEST(Effort, StaysWhereItIsWhenTheLinkWaitsForCompression) {
    Effort effort;
    for (int i = 0; i < 1000; ++i) {
        EXPECT_FALSE(effort.changes(10 * ms, 20 * ms, i * 20 * ms));
    }
    EXPECT_FALSE(effort.strong());
}

// A link that takes six times as long as the light level: the strong one still leaves it something to wait
// for.
TEST(Effort, DoesNotGoBackAndForth) {
    Effort effort;
    int changes = 0;
    for (int i = 0; i < 1000; ++i) {
        changes +=
            effort.changes((effort.strong() ? 35 : 10) * ms, (effort.strong() ? 1 : 32) * ms, i * 34 * ms)
                ? 1
                : 0;
    }
    EXPECT_EQ(changes, 1);
    EXPECT_TRUE(effort.strong());
}

TEST(Effort, FallsWhenTheLinkGetsFast) {
    Effort effort;
    std::int64_t starved_ns = 0;
    while (!effort.changes(1 * ms, 100 * ms, starved_ns += 100 * ms)) {
    }
    while (!effort.changes(35 * ms, ms / 4, starved_ns += 35 * ms)) {
    }
    EXPECT_FALSE(effort.strong());
}

// A destination that writes slowly has bytes enough: fewer of them would not make it faster.
TEST(Effort, DoesNotRiseForABusyDestination) {
    Effort effort;
    for (int i = 0; i < 1000; ++i) {
        EXPECT_FALSE(effort.changes(2 * ms, 20 * ms, i * ms));
    }
}

TEST(Effort, FallsWhenTheDestinationGetsBusy) {
    Effort effort;
    std::int64_t starved_ns = 0;
    while (!effort.changes(1 * ms, 100 * ms, starved_ns += 100 * ms)) {
    }
    while (!effort.changes(10 * ms, 20 * ms, starved_ns)) {
    }
    EXPECT_FALSE(effort.strong());
}

TEST(StreamCompressor, ChangesItsLevelWithinAStream) {
    StreamCompressor compressor{zstd_level_default};
    StreamDecompressor decompressor;
    Prng prng{1};
    std::vector<std::byte> packed(StreamCompressor::bound(100'000));
    std::vector<std::byte> unpacked(100'000);
    for (const int level : {zstd_level_strong, 0, zstd_level_default, zstd_level_strong, 0}) {
        std::vector<std::byte> plain(unpacked.size());
        std::ranges::generate(plain, [&] { return static_cast<std::byte>(prng.next() & 15); });
        if (level != 0) {
            compressor.change_level(level);
        }
        const auto head = std::span{plain}.first(1000);
        const std::array<StreamCompressor::Part, 2> others{std::span{plain}.subspan(1000, 1),
                                                           std::span{plain}.subspan(1001)};
        const std::size_t bytes = compressor.compress(head, others, packed);
        EXPECT_LT(bytes, plain.size() * 2 / 3);
        decompressor.begin(std::span{packed}.first(bytes));
        ASSERT_TRUE(decompressor.fill(std::span{unpacked}.first(70'000)).ok());
        ASSERT_TRUE(decompressor.fill(std::span{unpacked}.subspan(70'000)).ok());
        ASSERT_TRUE(decompressor.at_end());
        EXPECT_EQ(unpacked, plain);
    }
}

TEST(StreamDecompressor, SeesWhatIsTooMuchAndTooLittle) {
    StreamCompressor compressor{zstd_level_default};
    std::vector<std::byte> plain(100'000, std::byte{7});
    std::vector<std::byte> packed(StreamCompressor::bound(plain.size()));
    packed.resize(compressor.compress(plain, {}, packed));
    StreamDecompressor much;
    much.begin(packed);
    ASSERT_TRUE(much.fill(std::span{plain}.subspan(1)).ok());
    EXPECT_FALSE(much.at_end());
    StreamDecompressor little;
    plain.push_back(std::byte{7});
    little.begin(packed);
    EXPECT_FALSE(little.fill(plain).ok());
}

}  // namespace
}  // namespace ballast::image
