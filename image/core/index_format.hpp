// The index file of an image: its fingerprints, sorted by key. docs/image_index.md has the layout; this is
// its code. Everything read from a file is checked here before anybody believes it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/result.hpp"
#include "image/core/grid.hpp"
#include "image/core/md5.hpp"

namespace ballast::image {

// A block's fingerprint and its number. The key is the first 8 bytes of its MD5, little-endian.
struct Entry {
    std::uint64_t key = 0;
    std::uint32_t block = 0;
    friend constexpr auto operator<=>(const Entry&, const Entry&) noexcept = default;
};
std::uint64_t key_of(const Md5Digest& digest) noexcept;

inline constexpr std::uint32_t index_version = 1;
inline constexpr std::size_t index_header_bytes = 1024;
inline constexpr std::size_t index_levels_max = 2;

// Frozen: the numbers lie in files.
enum class ImageKind : std::uint8_t { raw_file = 0, block_device = 1, qcow2 = 2 };
std::string_view to_string(ImageKind kind) noexcept;

// What tells whether an image may have changed since it was indexed. A block device has no times: only its
// size and number can differ.
struct ImageIdentity {
    ImageKind kind = ImageKind::raw_file;
    std::uint64_t size_bytes = 0;  // of the guest's disk, not of the file that holds it
    std::uint64_t device = 0;      // st_dev; of a block device: st_rdev
    std::uint64_t inode = 0;       // 0 of a block device
    std::int64_t modified_ns = 0;  // mtime; 0 of a block device
    std::int64_t changed_ns = 0;   // ctime; 0 of a block device
    friend constexpr bool operator==(const ImageIdentity&, const ImageIdentity&) noexcept = default;
};

// One block size. A two-level index has 4096, then 512.
struct IndexLevel {
    std::uint32_t block_bytes = 0;
    std::uint64_t blocks = 0;    // of the image, zeros and holes with them
    std::uint64_t entries = 0;   // those that are not zero
    std::uint64_t distinct = 0;  // keys among them
    std::uint64_t zero_blocks() const noexcept { return blocks - entries; }
    friend constexpr bool operator==(const IndexLevel&, const IndexLevel&) noexcept = default;
};

struct IndexHeader {
    ImageIdentity image;
    std::int64_t built_unix_ms = 0;
    std::array<std::byte, 16> build_id{};  // random; checksums of pieces depend on it
    bool changed_during_scan = false;
    // Data read and hashed in the scan that built it; 0: too little to tell, or built before this was kept.
    std::uint64_t scanned_bytes_per_second = 0;
    GridStarts starts;
    FixedVector<IndexLevel, index_levels_max> levels;

    Result<Grid> grid(std::size_t level) const noexcept {
        return Grid::make(image.size_bytes, levels[level].block_bytes, starts);
    }
    friend bool operator==(const IndexHeader&, const IndexHeader&) noexcept = default;
};

using IndexHeaderBytes = std::array<std::byte, index_header_bytes>;
void encode(const IndexHeader& header, IndexHeaderBytes& out) noexcept;
// Writes the checksum of the header's other bytes, as encode() does.
void seal_index_header(IndexHeaderBytes& header) noexcept;
// `version_mismatch`: an index, but of another version. `image_corrupt`: anything else that is wrong.
Result<IndexHeader> decode_index_header(std::span<const std::byte> bytes) noexcept;

// Entries lie in pieces: two checksums, then the keys, then the block numbers, so that a comparison reads the
// keys alone. All pieces of a level but the last are full.
inline constexpr std::size_t piece_bytes = 64 * 1024;
inline constexpr std::size_t piece_entries = 5460;
inline constexpr std::size_t piece_checksums_bytes = 16;
static_assert(piece_checksums_bytes + piece_entries * 12 == piece_bytes);

// Bytes of a piece with so many entries.
constexpr std::size_t piece_size(std::size_t entries) noexcept {
    return piece_checksums_bytes + entries * 12;
}
// Where a level begins in the file; with the number of levels: the size of the whole file.
std::uint64_t level_offset(const IndexHeader& header, std::size_t level) noexcept;

// The two checksums of a piece. They depend on the build, the level and the piece's number, so that a piece
// of elsewhere does not pass for this one.
struct PieceName {
    std::array<std::byte, 16> build_id{};
    std::size_t level = 0;
    std::uint64_t number = 0;
};
std::uint64_t keys_checksum(const PieceName& name, std::span<const std::uint64_t> keys) noexcept;
std::uint64_t blocks_checksum(const PieceName& name, std::span<const std::uint32_t> blocks) noexcept;

// Keys in order, none below `previous`.
bool ascending(std::span<const std::uint64_t> keys, std::uint64_t previous) noexcept;

}  // namespace ballast::image
