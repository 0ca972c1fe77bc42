// Where the blocks of an image begin. Equal files at different places of two disks are found only when their
// blocks are cut alike, and file systems align their blocks to the start of their partition, so the grid
// starts anew at every partition that does not lie on the grid before it (an old disk's first partition
// begins at sector 63).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/fixed_vector.hpp"
#include "base/result.hpp"

namespace ballast::image {

inline constexpr std::uint32_t block_bytes_default = 4096;
inline constexpr std::uint32_t sector_bytes = 512;
// Places where a grid starts. A disk with more partitions off the grid keeps the grid of the last one.
inline constexpr std::size_t grid_starts_max = 32;
// Block numbers are 32 bits wide in the index: 16 TiB in blocks of 4096 bytes, 2 TiB in sectors.
inline constexpr std::uint64_t blocks_max = std::uint64_t{1} << 32;

// In bytes, ascending, the first 0.
using GridStarts = FixedVector<std::uint64_t, grid_starts_max>;

// A piece of an image, in bytes.
struct Extent {
    std::uint64_t offset = 0;
    std::uint64_t length = 0;
    constexpr std::uint64_t end() const noexcept { return offset + length; }
    friend constexpr bool operator==(const Extent&, const Extent&) noexcept = default;
};

// Blocks are numbered from 0 through all regions. The last block of a region may be cut short; its
// fingerprint is that of the block filled up with zeros.
class Grid {
  public:
    struct Region {
        Extent extent;
        std::uint64_t first_block = 0;
    };

    // `invalid_argument`: a block size other than 512 or 4096, or starts that are not ascending from 0 or not
    // below `image_bytes`. `limit_reached`: more than blocks_max blocks.
    static Result<Grid> make(std::uint64_t image_bytes, std::uint32_t block_bytes,
                             const GridStarts& starts) noexcept;

    std::uint64_t image_bytes() const noexcept { return image_bytes_; }
    std::uint32_t block_bytes() const noexcept { return block_bytes_; }
    std::uint64_t blocks() const noexcept { return blocks_; }
    std::span<const Region> regions() const noexcept { return regions_.span(); }

    // Where a block lies. REQUIRES: block < blocks().
    Extent extent_of(std::uint64_t block) const noexcept;
    // The block that a byte belongs to. REQUIRES: offset < image_bytes().
    std::uint64_t block_at(std::uint64_t offset) const noexcept;

  private:
    std::uint64_t image_bytes_ = 0;
    std::uint32_t block_bytes_ = block_bytes_default;
    std::uint64_t blocks_ = 0;
    FixedVector<Region, grid_starts_max> regions_;
};

// Reads what the partition table search asks for: a few sectors.
class SectorReader {
  public:
    virtual ~SectorReader() = default;
    // Fills `into` with the bytes from `offset` on. False when it cannot.
    virtual bool read_sector(std::uint64_t offset, std::span<std::byte> into) noexcept = 0;
};

// The starts of MBR partitions (primary and logical) and GPT partitions off the grid of what lies before
// them, as far as the table makes sense; {0} for a disk without one. The content is a guest's: whatever it
// holds, the answer is usable for Grid::make.
GridStarts find_grid_starts(SectorReader& reader, std::uint64_t image_bytes) noexcept;

}  // namespace ballast::image
