#include "image/scan.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/assert.hpp"
#include "image/core/zero.hpp"

namespace ballast::image {

struct Scanner::Buffers {
    alignas(4096) std::array<std::byte, scan_bytes> bytes;
    std::array<const std::byte*, scan_entries_max> blocks;
    std::array<Md5Digest, scan_entries_max> digests;
    std::array<Entry, scan_entries_max> entries;
};

Scanner::Scanner(ImageSource& source, std::span<const Grid> grids, Md5Kernel kernel)
    : source_{source}, grids_{grids}, kernel_{kernel}, buffers_{std::make_unique_for_overwrite<Buffers>()} {
    BALLAST_ASSERT(!grids.empty() && grids.size() <= index_levels_max);
}

Scanner::~Scanner() = default;

Status Scanner::scan(Extent range, ScanSink& sink, std::string& why) {
    for (const Grid::Region& region : grids_[0].regions()) {
        const std::uint64_t begin = std::max(region.extent.offset, range.offset);
        const std::uint64_t end = std::min(region.extent.end(), range.end());
        if (begin < end) {
            BALLAST_CHECK(scan_region(region, {.offset = begin, .length = end - begin}, sink, why));
        }
    }
    return sink.reached(range.end(), why);
}

Status Scanner::scan_region(const Grid::Region& region, Extent range, ScanSink& sink, std::string& why) {
    const std::uint64_t block_bytes = grids_[0].block_bytes();
    std::uint64_t at = range.offset;
    while (at < range.end()) {
        if (asked_ > at || at >= data_.end()) {
            BALLAST_CHECK(source_.next_data(at, data_, why));
            asked_ = at;
        }
        if (data_.length == 0 || data_.offset >= range.end()) {
            return sink.reached(range.end(), why);
        }
        if (data_.offset > at) {
            at = data_.offset - (data_.offset - region.extent.offset) % block_bytes;
        }
        // Whole blocks, also where data end within one.
        const std::uint64_t data_blocks = (data_.end() - at + block_bytes - 1) / block_bytes;
        const std::uint64_t length =
            std::min({std::uint64_t{scan_bytes}, data_blocks * block_bytes, range.end() - at});
        BALLAST_CHECK(fingerprint({.offset = at, .length = length}, sink, why));
        at += length;
        BALLAST_CHECK(sink.reached(at, why));
    }
    return {};
}

Status Scanner::fingerprint(Extent piece, ScanSink& sink, std::string& why) {
    const auto length = static_cast<std::size_t>(piece.length);
    const std::span<std::byte> bytes = std::span{buffers_->bytes}.first(length);
    BALLAST_CHECK(source_.read(piece.offset, bytes, why));
    // A block that is cut short counts as filled up with zeros.
    const std::size_t block_bytes = grids_[0].block_bytes();
    const std::size_t filled_up = (length + block_bytes - 1) / block_bytes * block_bytes;
    std::memset(buffers_->bytes.data() + length, 0, filled_up - length);
    for (std::size_t level = 0; level < grids_.size(); ++level) {
        BALLAST_CHECK(hash_level(level, piece, sink, why));
    }
    return {};
}

Status Scanner::hash_level(std::size_t level, Extent piece, ScanSink& sink, std::string& why) {
    const std::size_t block_bytes = grids_[level].block_bytes();
    const std::uint64_t first_block = grids_[level].block_at(piece.offset);
    std::size_t count = 0;
    for (std::size_t at = 0; at < piece.length; at += block_bytes) {
        const std::span<const std::byte> block{buffers_->bytes.data() + at, block_bytes};
        if (!all_zero(block)) {
            buffers_->blocks[count] = block.data();
            buffers_->entries[count].block = static_cast<std::uint32_t>(first_block + at / block_bytes);
            ++count;
        }
    }
    const std::span<const std::byte* const> blocks = std::span{buffers_->blocks}.first(count);
    md5_blocks(kernel_, blocks, block_bytes, std::span{buffers_->digests}.first(count));
    for (std::size_t i = 0; i < count; ++i) {
        buffers_->entries[i].key = key_of(buffers_->digests[i]);
    }
    return sink.take(level, std::span{buffers_->entries}.first(count), why);
}

}  // namespace ballast::image
