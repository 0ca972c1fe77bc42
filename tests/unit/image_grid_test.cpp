#include "image/core/grid.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <vector>

#include "base/prng.hpp"
#include "image/core/bytes.hpp"

namespace ballast::image {
namespace {

class Disk final : public SectorReader {
  public:
    explicit Disk(std::size_t sectors) : bytes_(sectors * sector_bytes) {}
    bool read_sector(std::uint64_t offset, std::span<std::byte> into) noexcept override {
        if (offset > bytes_.size() || into.size() > bytes_.size() - offset) {
            return false;
        }
        std::memcpy(into.data(), bytes_.data() + offset, into.size());
        return true;
    }
    FieldWriter at(std::uint64_t offset) { return FieldWriter{std::span{bytes_}.subspan(offset)}; }
    void table(std::uint64_t sector) { at(sector * 512 + 510).put(std::uint16_t{0xaa55}); }
    void partition(std::uint64_t table_sector, std::size_t number, std::uint8_t type, std::uint32_t start,
                   std::uint32_t sectors) {
        table(table_sector);
        auto fields = at(table_sector * 512 + 446 + 16 * number);
        fields.put(std::uint32_t{0});
        fields.put(std::uint32_t{type});
        fields.put(start);
        fields.put(sectors);
    }
    std::vector<std::uint64_t> starts() {
        const GridStarts found = find_grid_starts(*this, bytes_.size());
        return {found.begin(), found.end()};
    }
    std::vector<std::byte>& bytes() { return bytes_; }

  private:
    std::vector<std::byte> bytes_;
};

GridStarts starts_of(const std::vector<std::uint64_t>& offsets) {
    GridStarts starts;
    for (const std::uint64_t offset : offsets) {
        starts.push(offset);
    }
    return starts;
}

using Offsets = std::vector<std::uint64_t>;

TEST(ImageGrid, ADiskWithoutATableHasOneGrid) {
    EXPECT_EQ(Disk{100}.starts(), Offsets{0});
    EXPECT_EQ(Disk{0}.starts(), Offsets{0});
}

TEST(ImageGrid, AnOldDisksPartitionsAtSector63StartTheirOwnGrid) {
    Disk disk{1000};
    disk.partition(0, 0, 0x83, 63, 200);
    disk.partition(0, 1, 0x83, 263, 500);
    EXPECT_EQ(disk.starts(), (Offsets{0, 63 * 512}));  // 263 - 63 is a whole number of blocks
}

TEST(ImageGrid, AlignedPartitionsNeedNoGridOfTheirOwn) {
    Disk disk{5000};
    disk.partition(0, 0, 0x83, 2048, 1000);
    disk.partition(0, 1, 0x83, 4096, 500);
    EXPECT_EQ(disk.starts(), Offsets{0});
}

TEST(ImageGrid, LogicalPartitionsAreFollowedAndARingOfThemEnds) {
    Disk disk{2000};
    disk.partition(0, 0, 0x05, 100, 1800);
    disk.partition(100, 0, 0x83, 63, 100);  // at 163
    disk.partition(100, 1, 0x05, 300, 400);
    disk.partition(400, 0, 0x83, 63, 100);   // at 463
    disk.partition(400, 1, 0x05, 300, 400);  // itself
    EXPECT_EQ(disk.starts(), (Offsets{0, 163 * 512, 463 * 512}));
}

TEST(ImageGrid, GptPartitionsStartTheirOwnGrid) {
    Disk disk{2000};
    disk.partition(0, 0, 0xee, 1, 1999);
    disk.at(512).put(std::uint64_t{0x5452415020494645});
    auto header = disk.at(512 + 72);
    header.put(std::uint64_t{2});
    header.put(std::uint32_t{128});
    header.put(std::uint32_t{128});
    for (std::size_t i = 0; i < 2; ++i) {
        auto entry = disk.at(1024 + 128 * i);
        entry.put(std::uint64_t{0x1234});
        entry.put(std::uint64_t{0x5678});
        entry.put(std::uint64_t{1});
        entry.put(std::uint64_t{2});
        entry.put(std::uint64_t{i == 0 ? 34U : 1001U});
    }
    EXPECT_EQ(disk.starts(), (Offsets{0, 34 * 512, 1001 * 512}));
}

TEST(ImageGrid, ABootSectorIsNotTakenForATable) {
    Disk disk{1000};
    disk.partition(0, 0, 0x83, 63, 200);
    disk.at(446 + 16).put(std::uint64_t{0x8ec0334455667788});  // code
    EXPECT_EQ(disk.starts(), Offsets{0});
}

TEST(ImageGrid, WhateverADiskHoldsTheGridIsUsable) {
    Prng prng{3};
    for (int round = 0; round < 3000; ++round) {
        Disk disk{64};
        for (std::size_t sector = 0; sector < 64; ++sector) {
            disk.table(sector);
            for (std::size_t i = 0; i < 4; ++i) {
                constexpr std::array<std::uint8_t, 4> types{0x83, 0x05, 0xee, 0x00};
                disk.partition(sector, i, types[prng.below(4)], static_cast<std::uint32_t>(prng.below(70)),
                               static_cast<std::uint32_t>(prng.below(70)));
            }
        }
        for (int i = 0; i < 20; ++i) {
            disk.bytes()[prng.below(disk.bytes().size())] = static_cast<std::byte>(prng.next());
        }
        ASSERT_TRUE(Grid::make(disk.bytes().size(), 4096, find_grid_starts(disk, disk.bytes().size())).ok());
    }
}

TEST(ImageGrid, EveryByteLiesInExactlyOneBlock) {
    for (const std::uint32_t block_bytes : {512U, 4096U}) {
        const Grid grid = Grid::make(100'000, block_bytes, starts_of({0, 512 * 3, 512 * 60})).value();
        std::uint64_t at = 0;
        for (std::uint64_t block = 0; block < grid.blocks(); ++block) {
            const Extent extent = grid.extent_of(block);
            ASSERT_EQ(extent.offset, at);
            ASSERT_GT(extent.length, 0U);
            ASSERT_LE(extent.length, block_bytes);
            ASSERT_EQ(grid.block_at(extent.offset), block);
            ASSERT_EQ(grid.block_at(extent.end() - 1), block);
            at = extent.end();
        }
        EXPECT_EQ(at, 100'000U);
    }
}

TEST(ImageGrid, WrongStartsAndTooManyBlocksAreRefused) {
    EXPECT_EQ(Grid::make(4096, 1024, starts_of({0})).fault(), Fault::invalid_argument);
    EXPECT_EQ(Grid::make(4096, 4096, starts_of({})).fault(), Fault::invalid_argument);
    EXPECT_EQ(Grid::make(4096, 4096, starts_of({512})).fault(), Fault::invalid_argument);
    EXPECT_EQ(Grid::make(4096, 4096, starts_of({0, 4096})).fault(), Fault::invalid_argument);
    EXPECT_EQ(Grid::make(8192, 4096, starts_of({0, 1024, 512})).fault(), Fault::invalid_argument);
    EXPECT_EQ(Grid::make((std::uint64_t{1} << 44) + 1, 4096, starts_of({0})).fault(), Fault::limit_reached);
    EXPECT_TRUE(Grid::make(std::uint64_t{1} << 44, 4096, starts_of({0})).ok());
    EXPECT_EQ(Grid::make(0, 4096, starts_of({0})).value().blocks(), 0U);
}

}  // namespace
}  // namespace ballast::image
