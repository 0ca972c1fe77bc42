#include "image/scan.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "base/prng.hpp"
#include "tests/unit/image_files.hpp"

namespace ballast::image {
namespace {

constexpr std::uint64_t disk_bytes = 20 * std::uint64_t{scan_unit_bytes} + 1000;
constexpr std::uint64_t hole_every = 5;  // units: the last one of so many has no data

// An image in memory with holes, which any number of threads may read. Everything from `broken_from` on
// fails.
class MemorySource final : public ImageSource {
  public:
    MemorySource() : bytes_(disk_bytes) {
        Prng prng{1};
        for (std::uint64_t at = 0; at < disk_bytes; at += 64) {
            if (!in_hole(at)) {
                bytes_[static_cast<std::size_t>(at)] = static_cast<std::byte>(prng.next() | 1);
            }
        }
    }
    static bool in_hole(std::uint64_t at) { return at / scan_unit_bytes % hole_every == hole_every - 1; }

    std::uint64_t size_bytes() const noexcept override { return disk_bytes; }
    Status read(std::uint64_t offset, std::span<std::byte> into, std::string& why) override {
        if (offset + into.size() > broken_from) {
            why = "broken";
            return Err{Fault::image_corrupt};
        }
        std::copy_n(bytes_.data() + offset, into.size(), into.data());
        return {};
    }
    Status next_data(std::uint64_t offset, Extent& data, std::string&) override {
        std::uint64_t from = offset;
        while (from < disk_bytes && in_hole(from)) {
            from = (from / scan_unit_bytes + 1) * scan_unit_bytes;
        }
        std::uint64_t to = from;
        while (to < disk_bytes && !in_hole(to)) {
            to = (to / scan_unit_bytes + 1) * scan_unit_bytes;
        }
        data = {.offset = from, .length = std::min(to, disk_bytes) - std::min(from, disk_bytes)};
        return {};
    }
    bool can_be_shared() const noexcept override { return true; }
    Status identity(ImageIdentity&, std::string&) const override { return {}; }

    std::uint64_t broken_from = disk_bytes;

  private:
    std::vector<std::byte> bytes_;
};

struct Taken final : ScanSink {
    Status take(std::size_t level, std::span<const Entry> fresh, std::string&) override {
        entries[level].insert(entries[level].end(), fresh.begin(), fresh.end());
        return {};
    }
    Status reached(std::uint64_t offset, std::string& why) override {
        EXPECT_GE(offset, up_to);
        up_to = offset;
        if (offset >= cancelled_at) {
            why = "cancelled";
            return Err{Fault::cancelled};
        }
        return {};
    }
    std::map<std::size_t, std::vector<Entry>> entries;
    std::uint64_t up_to = 0;
    std::uint64_t cancelled_at = disk_bytes + 1;
};

class ScanTest : public testing::Test {
  protected:
    ScanTest() {
        GridStarts starts;
        starts.push(0);
        for (const std::uint32_t block_bytes : {block_bytes_default, sector_bytes}) {
            grids.push_back(Grid::make(disk_bytes, block_bytes, starts).value());
        }
    }
    Status scan(std::size_t threads, Taken& taken) {
        Scanner scanner{source, grids, best_md5_kernel(), threads};
        return scanner.scan({.offset = 0, .length = disk_bytes}, taken, why);
    }
    MemorySource source;
    std::vector<Grid> grids;
    std::string why;
};
class ScanByThreadsTest : public ScanTest, public testing::WithParamInterface<std::size_t> {};

// In one call of the system, and from a source that only knows how to read what lies together.
TEST(ImageRows, AreWhatIsReadTogether) {
    constexpr Rows rows{.bytes = 4096, .stride = 4160};
    constexpr std::size_t length = 2 * rows.bytes + 100;
    const testing_files::Folder folder;
    MemorySource memory;
    std::vector<std::byte> together(8 * rows.bytes);
    std::string why;
    ASSERT_TRUE(memory.read(0, together, why).ok());
    testing_files::write_at(folder.path("a.raw"), 0, together);
    const auto file = open_image(folder.path("a.raw"), ImageFormat::raw, why);
    ASSERT_TRUE(file) << why;
    for (ImageSource* source : {static_cast<ImageSource*>(&memory), file.get()}) {
        std::vector<std::byte> spread(3 * rows.stride);
        ASSERT_TRUE(source->read_rows(512, length, rows, spread, why).ok()) << why;
        for (std::size_t at = 0; at < length; ++at) {
            ASSERT_EQ(spread[at / rows.bytes * rows.stride + at % rows.bytes], together[512 + at]) << at;
        }
    }
    std::vector<std::byte> spread(3 * rows.stride);
    EXPECT_EQ(file->read_rows(together.size() - 4096, length, rows, spread, why).fault(),
              Fault::image_corrupt);
    EXPECT_NE(why.find("ends at byte"), std::string::npos) << why;
}

TEST_P(ScanByThreadsTest, FindsEveryBlockThatIsNotZeroInOrder) {
    Taken taken;
    ASSERT_TRUE(scan(GetParam(), taken).ok()) << why;
    EXPECT_EQ(taken.up_to, disk_bytes);
    for (const std::size_t level : {std::size_t{0}, std::size_t{1}}) {
        std::vector<std::uint32_t> expected;
        for (std::uint64_t block = 0; block < grids[level].blocks(); ++block) {
            if (!MemorySource::in_hole(block * grids[level].block_bytes())) {
                expected.push_back(static_cast<std::uint32_t>(block));
            }
        }
        std::vector<std::uint32_t> found;
        for (const Entry& entry : taken.entries[level]) {
            found.push_back(entry.block);
        }
        EXPECT_EQ(found, expected) << "level " << level;
    }
}

TEST_P(ScanByThreadsTest, FindsTheSameAsOneThread) {
    Taken alone;
    Taken taken;
    ASSERT_TRUE(scan(1, alone).ok()) << why;
    ASSERT_TRUE(scan(GetParam(), taken).ok()) << why;
    EXPECT_EQ(taken.entries, alone.entries);
}

// Blocks with a hole between them, one of zeros alone, and the end of the image, which is no whole sector.
TEST_F(ScanTest, StretchesApartHaveTheKeysOfAWholeScan) {
    const std::uint64_t hole = (hole_every - 1) * scan_unit_bytes;
    const std::vector<Extent> stretches{{.offset = 3 * block_bytes_default, .length = block_bytes_default},
                                        {.offset = hole - block_bytes_default, .length = block_bytes_default},
                                        {.offset = hole, .length = block_bytes_default},
                                        {.offset = disk_bytes - 1000, .length = 1000}};
    Taken whole;
    ASSERT_TRUE(scan(1, whole).ok()) << why;
    std::vector<Entry> expected;
    for (const Extent& stretch : stretches) {
        for (const Entry& entry : whole.entries[1]) {
            const std::uint64_t at = std::uint64_t{entry.block} * sector_bytes;
            if (at >= stretch.offset && at < stretch.end()) {
                expected.push_back(entry);
            }
        }
    }
    UnitHasher hasher{source, {&grids[1], 1}, best_md5_kernel()};
    std::vector<Entry> found;
    source.broken_from = hole;
    EXPECT_EQ(hasher.hash_apart(stretches, found, why).fault(), Fault::image_corrupt);
    source.broken_from = disk_bytes;
    found.clear();
    ASSERT_TRUE(hasher.hash_apart(stretches, found, why).ok()) << why;
    EXPECT_EQ(found, expected);
    EXPECT_EQ(found.size(), 2 * block_bytes_default / sector_bytes + 2);
}

TEST_P(ScanByThreadsTest, WhatCannotBeReadEndsItAndNothingBehindItIsTaken) {
    source.broken_from = 17 * scan_unit_bytes + 5000;
    Taken taken;
    EXPECT_EQ(scan(GetParam(), taken).fault(), Fault::image_corrupt);
    EXPECT_EQ(why, "broken");
    EXPECT_EQ(taken.up_to, 17 * scan_unit_bytes);
}

TEST_P(ScanByThreadsTest, TheOneWhoTakesMayEndIt) {
    Taken taken;
    taken.cancelled_at = 3 * scan_unit_bytes;
    EXPECT_EQ(scan(GetParam(), taken).fault(), Fault::cancelled);
    EXPECT_EQ(taken.up_to, 3 * scan_unit_bytes);
}

INSTANTIATE_TEST_SUITE_P(Threads, ScanByThreadsTest, testing::Values(1, 2, 5));

}  // namespace
}  // namespace ballast::image
