// Fingerprints of an image's blocks, in one pass through it.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "image/core/grid.hpp"
#include "image/core/index_format.hpp"
#include "image/core/md5.hpp"
#include "image/source.hpp"

namespace ballast::image {

// Blocks read at a time: a multiple of every kernel's lanes, and small enough that what the kernel copied
// is still in the processor's second cache when it is hashed.
inline constexpr std::size_t scan_blocks = 96;
inline constexpr std::size_t scan_bytes = scan_blocks * block_bytes_default;
// Fingerprints that one step yields at most, by level: blocks, and sectors of them.
inline constexpr std::size_t scan_entries_max = scan_bytes / sector_bytes;

class ScanSink {
  public:
    virtual ~ScanSink() = default;
    // Fingerprints of blocks that are not zero, in the order of blocks; `level` as in the scanner's grids.
    virtual Status take(std::size_t level, std::span<const Entry> entries, std::string& why) = 0;
    // Everything of the image below this byte has been taken.
    virtual Status reached(std::uint64_t offset, std::string& why) = 0;
};

// Memory is taken once, by the constructor (under 1 MiB).
class Scanner {
  public:
    // One grid, or two: of blocks, and of the sectors in them (the same starts). All must outlive the
    // scanner.
    Scanner(ImageSource& source, std::span<const Grid> grids, Md5Kernel kernel);
    ~Scanner();
    Scanner(const Scanner&) = delete;
    Scanner& operator=(const Scanner&) = delete;

    // Goes through `range`, which must begin and end on blocks of the first grid (or at the image's end).
    // Faults of the source and of the sink.
    Status scan(Extent range, ScanSink& sink, std::string& why);

  private:
    Status scan_region(const Grid::Region& region, Extent range, ScanSink& sink, std::string& why);
    Status fingerprint(Extent piece, ScanSink& sink, std::string& why);
    Status hash_level(std::size_t level, Extent piece, ScanSink& sink, std::string& why);

    struct Buffers;
    ImageSource& source_;
    std::span<const Grid> grids_;
    Md5Kernel kernel_;
    std::unique_ptr<Buffers> buffers_;
    Extent data_;  // what the source last said of holes: data_.offset is the first data after asked_
    std::uint64_t asked_ = ~std::uint64_t{0};
};

}  // namespace ballast::image
