#include "image/index_build.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <map>

#include "base/prng.hpp"
#include "image/index_file.hpp"
#include "image_files.hpp"
#include "shell/unique_fd.hpp"

namespace ballast::image {
namespace {

using namespace testing_files;
using namespace std::chrono_literals;

std::vector<Entry> entries_of(const std::string& path, std::size_t level = 0) {
    std::string why;
    const auto index = IndexFile::open(path, why);
    EXPECT_NE(index, nullptr) << why;
    IndexCursor cursor{*index, level};
    std::vector<Entry> entries;
    std::span<const std::uint64_t> keys;
    std::span<const std::uint32_t> blocks;
    do {
        EXPECT_TRUE(cursor.next_entries(keys, blocks).ok()) << cursor.why();
        for (std::size_t i = 0; i < keys.size(); ++i) {
            entries.push_back({.key = keys[i], .block = blocks[i]});
        }
    } while (!keys.empty());
    return entries;
}

class ImageIndexTest : public testing::Test {
  protected:
    IndexResult build(const IndexOptions& options = {}) {
        IndexResult result;
        const Status status = build_index(image, index, options, result, why);
        EXPECT_TRUE(status.ok()) << why;
        return result;
    }
    IndexResult refresh(const std::vector<Extent>& changed) {
        IndexResult result;
        const Status status = refresh_index(image, index, changed, {}, result, why);
        EXPECT_TRUE(status.ok()) << why;
        return result;
    }

    Folder folder;
    std::string image = folder.path("disk.raw");
    std::string index = folder.path("disk.raw.index");
    std::string why;
};

TEST_F(ImageIndexTest, HoldsAKeyForEveryBlockThatIsNotZero) {
    write_blocks(image, {7, 0, 8, 7, 0, 0, 9, 7}, 4096);
    const IndexResult result = build();
    const IndexLevel& level = result.header.levels[0];
    EXPECT_EQ(level.blocks, 8U);
    EXPECT_EQ(level.entries, 5U);
    EXPECT_EQ(level.distinct, 3U);
    EXPECT_EQ(level.zero_blocks(), 3U);
    const auto entries = entries_of(index);
    ASSERT_TRUE(std::is_sorted(entries.begin(), entries.end()));
    std::map<std::uint64_t, std::vector<std::uint32_t>> by_key;
    for (const Entry& entry : entries) {
        by_key[entry.key].push_back(entry.block);
    }
    std::vector<std::vector<std::uint32_t>> groups;
    for (const auto& [key, blocks] : by_key) {
        groups.push_back(blocks);
    }
    std::sort(groups.begin(), groups.end());
    EXPECT_EQ(groups, (std::vector<std::vector<std::uint32_t>>{{0, 3, 7}, {2}, {6}}));
    EXPECT_EQ(folder.names(), (std::vector<std::string>{"disk.raw", "disk.raw.index"}));
}

TEST_F(ImageIndexTest, WrittenZerosAreAsGoodAsHoles) {
    write_blocks(image, {7, 0, 8}, 4096);
    build();
    const auto with_hole = entries_of(index);
    write_at(image, 4096, std::vector<std::byte>(4096));
    build();
    EXPECT_EQ(entries_of(index), with_hole);
}

TEST_F(ImageIndexTest, TheLastBlockMayBeCutShort) {
    write_blocks(image, {7, 8}, 4096);
    ASSERT_EQ(::truncate(image.c_str(), 4096 + 100), 0);
    build();
    const auto cut = entries_of(index);
    // As if it were filled up with zeros.
    ASSERT_EQ(::truncate(image.c_str(), 8192), 0);
    build();
    EXPECT_EQ(entries_of(index), cut);
}

TEST_F(ImageIndexTest, AnEmptyImageHasAnEmptyIndex) {
    write_blocks(image, {}, 4096);
    EXPECT_EQ(build().header.levels[0].blocks, 0U);
    EXPECT_TRUE(entries_of(index).empty());
}

TEST_F(ImageIndexTest, ASectorIsFoundWhereverItsBlockDiffers) {
    write_blocks(image, {1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 99, 5, 6, 7, 0}, 512);
    const IndexResult result = build({.two_levels = true});
    ASSERT_EQ(result.header.levels.size(), 2U);
    EXPECT_EQ(result.header.levels[0].distinct, 2U);
    EXPECT_EQ(result.header.levels[1].blocks, 16U);
    EXPECT_EQ(result.header.levels[1].entries, 15U);
    EXPECT_EQ(result.header.levels[1].distinct, 9U);
    const auto sectors = entries_of(index, 1);
    build({.block_bytes = 512});
    EXPECT_EQ(entries_of(index), sectors);
}

TEST_F(ImageIndexTest, EqualPartitionsHaveEqualKeysWhereverTheyLie) {
    std::vector<std::uint64_t> numbers(63 + 80);
    for (std::size_t i = 63; i < numbers.size(); ++i) {
        numbers[i] = i - 62;
    }
    write_blocks(image, numbers, 512);
    std::vector<std::byte> table(66);
    table[4] = std::byte{0x83};
    table[8] = std::byte{63};
    table[12] = std::byte{80};
    table[64] = std::byte{0x55};
    table[65] = std::byte{0xaa};
    write_at(image, 446, table);
    build();
    auto partition = entries_of(index);
    const std::string bare = folder.path("partition");
    write_blocks(bare, {numbers.begin() + 63, numbers.end()}, 512);
    IndexResult result;
    ASSERT_TRUE(build_index(bare, folder.path("bare.index"), {}, result, why).ok()) << why;
    const auto alone = entries_of(folder.path("bare.index"));
    ASSERT_EQ(alone.size(), 10U);
    for (const Entry& entry : alone) {
        EXPECT_TRUE(std::any_of(partition.begin(), partition.end(),
                                [&](const Entry& other) { return other.key == entry.key; }));
    }
}

std::vector<std::uint64_t> random_blocks(std::uint64_t seed, std::size_t count) {
    Prng prng{seed};
    std::vector<std::uint64_t> numbers(count);
    for (std::uint64_t& number : numbers) {
        number = prng.chance(0.2) ? 0 : 1 + prng.below(count);
    }
    return numbers;
}

TEST_F(ImageIndexTest, SortingOnDiskGivesTheSameIndexAsSortingInMemory) {
    write_blocks(image, random_blocks(1, 40'000), 512);
    build({.block_bytes = 512});
    const auto in_memory = entries_of(index);
    build({.block_bytes = 512, .sort_bytes = 256 * 1024});
    EXPECT_EQ(entries_of(index), in_memory);
    EXPECT_EQ(folder.names(), (std::vector<std::string>{"disk.raw", "disk.raw.index"}));
}

TEST_F(ImageIndexTest, AnInterruptedScanGoesOnWhereItStopped) {
    write_blocks(image, random_blocks(2, 40'000), 512);
    build({.block_bytes = 512});
    const auto expected = entries_of(index);
    std::filesystem::remove(index);
    IndexOptions options{.block_bytes = 512, .sort_bytes = 256 * 1024};
    options.progress = [](std::uint64_t done, std::uint64_t total) { return done < total; };
    IndexResult result;
    EXPECT_EQ(build_index(image, index, options, result, why).fault(), Fault::cancelled);
    EXPECT_FALSE(std::filesystem::exists(index));
    options.progress = nullptr;
    const IndexResult second = build(options);
    EXPECT_GT(second.resumed_at, 8'000'000U);
    EXPECT_EQ(second.resumed_at + second.scanned_bytes, 40'000U * 512);
    EXPECT_EQ(entries_of(index), expected);
    EXPECT_EQ(folder.names(), (std::vector<std::string>{"disk.raw", "disk.raw.index"}));
}

TEST_F(ImageIndexTest, SaysHowFastItsImageWasReadUnlessThatWasTooLittleToTell) {
    write_blocks(image, random_blocks(2, 100), 4096);
    EXPECT_EQ(build().header.scanned_bytes_per_second, 0U);
    write_blocks(image, random_blocks(2, 8000), 4096);
    const std::uint64_t measured = build().header.scanned_bytes_per_second;
    EXPECT_GT(measured, 0U);
    EXPECT_EQ(IndexFile::open(index, why)->header().scanned_bytes_per_second, measured);
    // A few changed blocks tell nothing new.
    EXPECT_EQ(refresh({{.offset = 4096, .length = 4096}}).header.scanned_bytes_per_second, measured);
}

TEST_F(ImageIndexTest, AnInterruptedScanOfAnImageThatHasChangedStartsAnew) {
    write_blocks(image, random_blocks(3, 40'000), 512);
    IndexOptions options{.block_bytes = 512, .sort_bytes = 256 * 1024};
    options.progress = [](std::uint64_t done, std::uint64_t total) { return done < total; };
    IndexResult result;
    EXPECT_EQ(build_index(image, index, options, result, why).fault(), Fault::cancelled);
    write_at(image, 0, block_of(77, 512));
    options.progress = nullptr;
    EXPECT_EQ(build(options).resumed_at, 0U);
}

TEST_F(ImageIndexTest, RefreshingWhatChangedIsAsGoodAsBuildingAnew) {
    const auto numbers = random_blocks(4, 500);
    Prng prng{5};
    for (const bool two_levels : {false, true}) {
        write_blocks(image, numbers, 4096);
        build({.two_levels = two_levels});
        for (int round = 0; round < 5; ++round) {
            std::vector<Extent> changed;
            for (int i = 0; i < 10; ++i) {
                const std::uint64_t offset = prng.below(500 * 4096 - 600);
                write_at(image, offset, block_of(prng.below(5), 1 + prng.below(600)));
                changed.push_back({.offset = offset, .length = 600});
            }
            const IndexResult result = refresh(changed);
            ASSERT_LT(result.scanned_bytes, 25U * 4096);
            const auto refreshed = entries_of(index);
            const auto sectors = two_levels ? entries_of(index, 1) : std::vector<Entry>{};
            build({.two_levels = two_levels});
            ASSERT_EQ(refreshed, entries_of(index)) << round;
            if (two_levels) {
                ASSERT_EQ(sectors, entries_of(index, 1)) << round;
            }
        }
    }
}

TEST_F(ImageIndexTest, RefreshingNoticesThatTheImageGrewOrShrank) {
    write_blocks(image, random_blocks(6, 200), 4096);
    build();
    for (const off_t size : {off_t{140 * 4096 + 123}, off_t{300 * 4096}, off_t{300 * 4096 + 1}, off_t{10}}) {
        ASSERT_EQ(::truncate(image.c_str(), size), 0);
        if (size > 200 * 4096) {
            write_at(image, 250 * 4096, block_of(5, 4096));
        }
        refresh({});
        const auto refreshed = entries_of(index);
        build();
        ASSERT_EQ(refreshed, entries_of(index)) << size;
    }
}

TEST_F(ImageIndexTest, OfAnImageThatWasWrittenToMeanwhileIsStaleFromTheBeginning) {
    write_blocks(image, random_blocks(8, 2000), 4096);
    bool written = false;
    const auto write_once = [&](std::uint64_t, std::uint64_t) {
        if (!written) {
            write_at(image, 100 * 4096, block_of(5, 4096));
            std::filesystem::last_write_time(image, std::filesystem::last_write_time(image) + 1s);
            written = true;
        }
        return true;
    };
    const IndexHeader header = build({.progress = write_once}).header;
    ASSERT_TRUE(written);
    ImageIdentity now;
    ASSERT_TRUE(file_identity(image, now, why).ok());
    EXPECT_EQ(freshness(header, now), Freshness::stale);
    EXPECT_EQ(freshness(IndexFile::open(index, why)->header(), header.image), Freshness::stale);
    const IndexHeader again = build().header;
    EXPECT_EQ(freshness(again, now), Freshness::fresh);
}

TEST_F(ImageIndexTest, IsStaleOnceTheImageWasWrittenTo) {
    write_blocks(image, {1, 2, 3}, 4096);
    const IndexHeader header = build().header;
    ImageIdentity now;
    ASSERT_TRUE(file_identity(image, now, why).ok());
    EXPECT_EQ(freshness(header, now), Freshness::fresh);
    ImageIdentity written = now;
    ++written.modified_ns;
    EXPECT_EQ(freshness(header, written), Freshness::stale);
    ImageIdentity other = now;
    ++other.inode;
    EXPECT_EQ(freshness(header, other), Freshness::stale);
    ImageIdentity grown = now;
    ++grown.size_bytes;
    EXPECT_EQ(freshness(header, grown), Freshness::stale);
}

TEST_F(ImageIndexTest, EveryFlippedBitIsFound) {
    write_blocks(image, {1, 2, 0, 3, 1}, 4096);
    build();
    const auto whole = content_of(index);
    Prng prng{9};
    for (std::size_t at = 0; at < whole.size(); ++at) {
        if (at > 300 && at < index_header_bytes - 8 && at % 16 != 0) {
            continue;  // the header's padding: a sample of it
        }
        auto damaged = whole;
        damaged[at] ^= static_cast<std::byte>(1U << prng.below(8));
        write_at(folder.path("damaged"), 0, damaged);
        const auto opened = IndexFile::open(folder.path("damaged"), why);
        if (!opened) {
            continue;
        }
        IndexCursor cursor{*opened, 0};
        std::span<const std::uint64_t> keys;
        std::span<const std::uint32_t> blocks;
        ASSERT_EQ(cursor.next_entries(keys, blocks).fault(), Fault::image_corrupt) << "byte " << at;
        EXPECT_NE(cursor.why().find("damaged: piece 0 of level 0"), std::string::npos) << cursor.why();
    }
}

// Whoever made it: its checksums are right, and what it says is not.
TEST_F(ImageIndexTest, WhatCannotBeIsRefusedAlsoWithTheRightChecksum) {
    write_blocks(image, {1, 2, 3}, 4096);
    build();
    const auto whole = content_of(index);
    const IndexHeader header = IndexFile::open(index, why)->header();
    const PieceName name{.build_id = header.build_id, .level = 0, .number = 0};
    const auto read_with = [&](std::array<std::uint64_t, 3> keys, std::array<std::uint32_t, 3> blocks) {
        const std::uint64_t checksums[2] = {keys_checksum(name, keys), blocks_checksum(name, blocks)};
        auto forged = whole;
        std::byte* at = forged.data() + index_header_bytes;
        std::memcpy(at, checksums, sizeof checksums);
        std::memcpy(at + sizeof checksums, keys.data(), sizeof keys);
        std::memcpy(at + sizeof checksums + sizeof keys, blocks.data(), sizeof blocks);
        std::filesystem::remove(folder.path("forged"));
        write_at(folder.path("forged"), 0, forged);
        const auto opened = IndexFile::open(folder.path("forged"), why);
        EXPECT_NE(opened, nullptr) << why;
        IndexCursor cursor{*opened, 0};
        std::span<const std::uint64_t> found_keys;
        std::span<const std::uint32_t> found_blocks;
        const Status status = cursor.next_entries(found_keys, found_blocks);
        EXPECT_TRUE(status.ok() || status.fault() == Fault::image_corrupt);
        return cursor.why();
    };
    EXPECT_EQ(read_with({10, 20, 30}, {2, 0, 1}), "");
    EXPECT_NE(read_with({10, 20, 30}, {2, 3, 1}).find("a block beyond the image"), std::string::npos);
    EXPECT_NE(read_with({10, 30, 20}, {2, 0, 1}).find("not sorted"), std::string::npos);
}

TEST_F(ImageIndexTest, TruncatedForeignAndNewerIndexesAreRefusedWithTheReason) {
    write_blocks(image, {1, 2, 3}, 4096);
    build();
    const auto whole = content_of(index);
    const std::string other = folder.path("other");
    for (std::size_t size = 0; size < whole.size(); size += size < 1100 ? 97 : 1) {
        std::filesystem::remove(other);
        write_at(other, 0, {whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)});
        EXPECT_EQ(IndexFile::open(other, why), nullptr) << size;
    }
    auto grown = whole;
    grown.push_back({});
    write_at(other, 0, grown);
    EXPECT_EQ(IndexFile::open(other, why), nullptr);
    EXPECT_NE(why.find("truncated or grown"), std::string::npos) << why;
    auto newer = whole;
    newer[8] = std::byte{2};
    std::filesystem::remove(other);
    write_at(other, 0, newer);
    EXPECT_EQ(IndexFile::open(other, why), nullptr);
    EXPECT_NE(why.find("another version"), std::string::npos) << why;
    EXPECT_EQ(IndexFile::open(image, why), nullptr);
    EXPECT_NE(why.find("not an index"), std::string::npos) << why;
    EXPECT_EQ(IndexFile::open(folder.path("absent"), why), nullptr);
}

TEST_F(ImageIndexTest, APieceOfAnotherIndexIsNotTakenForItsOwn) {
    write_blocks(image, {1, 2, 3}, 4096);
    build();
    const auto first = content_of(index);
    build();
    auto mixed = content_of(index);
    ASSERT_EQ(first.size(), mixed.size());
    std::copy(first.begin() + index_header_bytes, first.end(), mixed.begin() + index_header_bytes);
    write_at(index, 0, mixed);
    const auto opened = IndexFile::open(index, why);
    ASSERT_NE(opened, nullptr);
    IndexCursor cursor{*opened, 0};
    EXPECT_EQ(cursor.next_keys().fault(), Fault::image_corrupt);
}

TEST_F(ImageIndexTest, WhatIsNoImageIsRefused) {
    IndexResult result;
    EXPECT_FALSE(build_index(folder.path("absent"), index, {}, result, why).ok());
    EXPECT_NE(why.find("absent: cannot open: No such file"), std::string::npos) << why;
    ASSERT_EQ(::mkfifo(image.c_str(), 0600), 0);
    EXPECT_FALSE(build_index(image, index, {}, result, why).ok());
    EXPECT_NE(why.find("neither a file nor a block device"), std::string::npos) << why;
}

TEST_F(ImageIndexTest, AHundredGibibytesOfHoleTakeNoTime) {
    write_blocks(image, {1}, 4096);
    ASSERT_EQ(::truncate(image.c_str(), off_t{100} << 30), 0);
    write_at(image, std::uint64_t{99} << 30, block_of(2, 4096));
    const IndexResult result = build();
    EXPECT_EQ(result.header.levels[0].blocks, std::uint64_t{100} << 18);
    EXPECT_EQ(result.header.levels[0].entries, 2U);
}

}  // namespace
}  // namespace ballast::image
