#include "image/unit_hasher.hpp"

#include <algorithm>
#include <cstring>

#include "image/core/zero.hpp"

namespace ballast::image {
namespace {

constexpr std::size_t piece_blocks_max = 96;

// Blocks read at a time: a multiple of the kernel's lanes, and so few that what the system copied, and from
// where, are both still in a second cache of 512 KiB when they are hashed. (From the third, MD5 takes twice
// as long.) Processors with AVX-512 have 1 MiB at least.
constexpr std::size_t piece_blocks(Md5Kernel kernel) noexcept {
    return kernel == Md5Kernel::avx512 ? piece_blocks_max : 24;
}
constexpr std::size_t piece_bytes_max = piece_blocks_max * block_bytes_default;
static_assert(scan_unit_bytes % piece_bytes_max == 0);
constexpr std::size_t piece_entries_max = piece_bytes_max / sector_bytes;

// How many of the first stretches fill their rows and lie one behind the other, with the last of them.
std::size_t together(std::span<const Extent> stretches) {
    std::size_t count = 1;
    while (count < stretches.size() && stretches[count - 1].length == hash_rows.bytes &&
           stretches[count].offset == stretches[count - 1].end()) {
        ++count;
    }
    return count;
}

}  // namespace

ScanUnit::ScanUnit(std::span<const Grid> grids) {
    for (std::size_t level = 0; level < grids.size(); ++level) {
        entries[level].reserve(scan_entries_max(grids[level].block_bytes()));
    }
}

struct UnitHasher::Buffers {
    alignas(4096) std::array<std::byte, piece_blocks_max * hash_rows.stride> bytes;
    std::array<const std::byte*, piece_entries_max> blocks;
    std::array<Md5Digest, piece_entries_max> digests;
};

UnitHasher::UnitHasher(ImageSource& source, std::span<const Grid> grids, Md5Kernel kernel,
                       const SeenOptions* seen)
    : source_{source},
      grids_{grids},
      kernel_{kernel},
      piece_bytes_{piece_blocks(kernel) * block_bytes_default},
      segments_{seen != nullptr ? std::make_unique<SegmentMaker>(*seen, source.size_bytes()) : nullptr},
      buffers_{std::make_unique_for_overwrite<Buffers>()} {}

UnitHasher::~UnitHasher() = default;

std::byte* UnitHasher::place_of(std::size_t at) noexcept {
    return buffers_->bytes.data() + at / hash_rows.bytes * hash_rows.stride + at % hash_rows.bytes;
}

Status UnitHasher::hash(ScanUnit& unit, std::string& why) {
    for (std::vector<Entry>& level : unit.entries) {
        level.clear();
    }
    unit.seen.clear();
    // Where the grid does not let units begin with segments, none is seen.
    const bool by_segments = segments_ && unit.extent.offset % segment_bytes == 0;
    if (by_segments) {
        segments_->begin(unit.extent.offset / segment_bytes);
    }
    gathered_ = 0;
    for (std::uint64_t at = unit.extent.offset; at < unit.extent.end(); at += piece_bytes_) {
        const std::uint64_t length = std::min<std::uint64_t>(piece_bytes_, unit.extent.end() - at);
        BALLAST_CHECK(hash_piece({.offset = at, .length = length}, unit, why));
        if (by_segments) {
            segments_->add(buffers_->bytes.data(), static_cast<std::size_t>(length), hash_rows.stride,
                           unit.seen);
        }
    }
    return {};
}

Status UnitHasher::hash_piece(Extent piece, ScanUnit& unit, std::string& why) {
    const auto length = static_cast<std::size_t>(piece.length);
    BALLAST_CHECK(source_.read_rows(piece.offset, length, hash_rows, buffers_->bytes, why));
    fill_up(length);
    for (std::size_t level = 0; level < grids_.size(); ++level) {
        gather(level, 0, piece, unit.entries[level]);
        hash_gathered(level, unit.entries[level]);
    }
    return {};
}

Status UnitHasher::hash_apart(std::span<const Extent> stretches, std::vector<Entry>& out, std::string& why) {
    gathered_ = 0;  // of what could not be read to its end
    for (std::size_t first = 0; first < stretches.size();) {
        const std::size_t count = together(stretches.subspan(first));
        const Extent last = stretches[first + count - 1];
        const std::uint64_t length = last.end() - stretches[first].offset;
        const std::span<std::byte> rows = std::span{buffers_->bytes}.subspan(first * hash_rows.stride);
        BALLAST_CHECK(source_.read_rows(stretches[first].offset, length, hash_rows, rows, why));
        fill_up(first * hash_rows.bytes + static_cast<std::size_t>(length));
        for (std::size_t row = first; row < first + count; ++row) {
            gather(0, row * hash_rows.bytes, stretches[row], out);
        }
        first += count;
    }
    hash_gathered(0, out);
    return {};
}

// A block that is cut short counts as filled up with zeros.
void UnitHasher::fill_up(std::size_t length) {
    const std::size_t block_bytes = grids_[0].block_bytes();
    const std::size_t filled_up = (length + block_bytes - 1) / block_bytes * block_bytes;
    if (filled_up > length) {
        std::memset(place_of(length), 0, filled_up - length);
    }
}

void UnitHasher::gather(std::size_t level, std::size_t at, Extent extent, std::vector<Entry>& out) {
    const std::size_t block_bytes = grids_[level].block_bytes();
    const std::uint64_t first_block = grids_[level].block_at(extent.offset);
    for (std::size_t done = 0; done < extent.length; done += block_bytes) {
        const std::span<const std::byte> block{place_of(at + done), block_bytes};
        if (!all_zero(block)) {
            buffers_->blocks[gathered_++] = block.data();
            out.push_back({.block = static_cast<std::uint32_t>(first_block + done / block_bytes)});
        }
    }
}

void UnitHasher::hash_gathered(std::size_t level, std::vector<Entry>& out) {
    const std::span<Md5Digest> digests = std::span{buffers_->digests}.first(gathered_);
    md5_blocks(kernel_, std::span{buffers_->blocks}.first(gathered_), grids_[level].block_bytes(), digests);
    const std::size_t before = out.size() - gathered_;
    for (std::size_t i = 0; i < gathered_; ++i) {
        out[before + i].key = key_of(digests[i]);
    }
    gathered_ = 0;
}

}  // namespace ballast::image
