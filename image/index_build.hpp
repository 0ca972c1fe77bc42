// Building an image's index, and keeping it up to date.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>

#include "image/core/index_format.hpp"
#include "image/core/md5.hpp"
#include "image/seen_segments.hpp"
#include "image/source.hpp"

namespace ballast::image {

// What everything together may take, for an image of any size.
inline constexpr std::size_t memory_bytes_default = 64 * 1024 * 1024;
// What the program, its libraries and the scanner's buffers take of that; the rest sorts.
inline constexpr std::size_t memory_bytes_fixed = 20 * 1024 * 1024;
inline constexpr std::size_t sort_bytes_default = memory_bytes_default - memory_bytes_fixed;
inline constexpr std::size_t sort_bytes_min = 2 * 1024 * 1024;

// One for each core, up to four.
std::size_t scan_threads_default() noexcept;

struct IndexOptions {
    std::uint32_t block_bytes = block_bytes_default;
    bool two_levels = false;  // sectors, too. REQUIRES: block_bytes == 4096
    ImageFormat format = ImageFormat::by_name;
    std::size_t sort_bytes = sort_bytes_default;
    std::size_t threads = scan_threads_default();  // that read and hash an image that can be shared
    // Goes on where an interrupted scan of the same, unchanged image stopped.
    bool resume = true;
    // Takes in the segments that are read; not those of an earlier scan that goes on.
    SeenSegments* seen = nullptr;
    // Called now and then with bytes done and bytes in all; false stops the scan (`cancelled`), which can be
    // resumed.
    std::function<bool(std::uint64_t done, std::uint64_t total)> progress;
};

struct IndexResult {
    IndexHeader header;
    std::uint64_t resumed_at = 0;     // bytes that an earlier scan had done
    std::uint64_t scanned_bytes = 0;  // of the image, holes with them
};

// Writes the index of `image` to `path` (complete or not at all). Beside it, while it works: PATH.tmp,
// PATH.scan, PATH.run-*. Faults of the image and of the file system; `limit_reached` when the image has more
// blocks than an index can number; `cancelled`.
Status build_index(const std::string& image, const std::string& path, const IndexOptions& options,
                   IndexResult& result, std::string& why);

// Brings the index up to date by scanning only what changed, given in any order and overlapping or not; a new
// size of the image is noticed without being told. Block sizes are those of the index. `state_conflict` when
// the partition table has changed in a way that moves the grid: then it must be built anew.
Status refresh_index(const std::string& image, const std::string& path, std::span<const Extent> changed,
                     const IndexOptions& options, IndexResult& result, std::string& why);

enum class Freshness : std::uint8_t {
    fresh,       // the image is the one that was indexed and has not been written to since
    stale,       // another image, another size, or written to since (or while it was indexed)
    unknowable,  // a block device of the same size
};
// `now`: of a qcow2 image, the size is not compared when it is 0 (not opened).
Freshness freshness(const IndexHeader& header, const ImageIdentity& now) noexcept;

}  // namespace ballast::image
