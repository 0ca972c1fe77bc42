// Reads a stretch of an image and makes the fingerprints of its blocks.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "image/core/grid.hpp"
#include "image/core/index_format.hpp"
#include "image/core/md5.hpp"
#include "image/seen_segments.hpp"
#include "image/source.hpp"

namespace ballast::image {

// What is scanned at a time, and handed from thread to thread: its time is many times that of a wake-up. A
// whole number of the pieces that are read at a time, so that the lanes of the hash are full, and of
// segments, whose digests may be made on the way.
inline constexpr std::size_t scan_unit_bytes = 3 * 1024 * 1024;
// Fingerprints that one unit yields at most.
constexpr std::size_t scan_entries_max(std::size_t block_bytes) noexcept {
    return scan_unit_bytes / block_bytes;
}

// How blocks lie in memory when they are hashed. The lanes go through as many blocks side by side, and if
// those were a page apart, all would want the same few places of the first cache: that costs an eighth of the
// speed.
inline constexpr Rows hash_rows{.bytes = block_bytes_default, .stride = block_bytes_default + 64};

struct ScanUnit {
    explicit ScanUnit(std::span<const Grid> grids);
    Extent extent;
    // By level, of blocks that are not zero, in their order.
    std::array<std::vector<Entry>, index_levels_max> entries;
    std::vector<SeenSegment> seen;  // that lie in it whole, when they are wanted
};

// Memory is taken once, by the constructor (a third of a MiB).
class UnitHasher {
  public:
    // All must outlive it.
    // With `seen` it makes the digests of segments as well.
    UnitHasher(ImageSource& source, std::span<const Grid> grids, Md5Kernel kernel,
               const SeenOptions* seen = nullptr);
    ~UnitHasher();
    UnitHasher(const UnitHasher&) = delete;
    UnitHasher& operator=(const UnitHasher&) = delete;

    // Fills in `unit.entries` from `unit.extent`, which lies in one region of the grids, begins on a block of
    // the first and is at most scan_unit_bytes long. Faults of the source.
    Status hash(ScanUnit& unit, std::string& why);

    // Stretches that lie apart, hashed together: alone, what is in one would not fill the lanes. Appends to
    // `out`, in their order. REQUIRES: at most apart_max() of them, each at most a row of hash_rows, in one
    // region of the first grid, and beginning on a block of it.
    Status hash_apart(std::span<const Extent> stretches, std::vector<Entry>& out, std::string& why);
    std::size_t apart_max() const noexcept { return piece_bytes_ / hash_rows.bytes; }

  private:
    Status hash_piece(Extent piece, ScanUnit& unit, std::string& why);
    // Of a byte of what was read, in the buffers.
    std::byte* place_of(std::size_t at) noexcept;
    void fill_up(std::size_t length);
    // Blocks of what lies at this byte of the buffers and is not zero: their entries, still without keys.
    void gather(std::size_t level, std::size_t at, Extent extent, std::vector<Entry>& out);
    // Gives the last entries the keys of all blocks gathered.
    void hash_gathered(std::size_t level, std::vector<Entry>& out);

    struct Buffers;
    ImageSource& source_;
    std::span<const Grid> grids_;
    Md5Kernel kernel_;
    std::size_t piece_bytes_;
    std::size_t gathered_ = 0;
    std::unique_ptr<SegmentMaker> segments_;
    std::unique_ptr<Buffers> buffers_;
};

}  // namespace ballast::image
