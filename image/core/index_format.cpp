#include "image/core/index_format.hpp"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "image/core/bytes.hpp"

namespace ballast::image {
namespace {

static_assert(std::endian::native == std::endian::little,
              "pieces are read and written as they lie in memory");

constexpr std::uint64_t index_magic = 0x0a1a58444954534c;  // "LSTIDX", substitute, line feed: no text file
constexpr std::size_t checksum_bytes = 8;
constexpr std::size_t checked_bytes = index_header_bytes - checksum_bytes;

std::uint64_t seed_of(const PieceName& name, std::uint64_t column) noexcept {
    std::uint64_t build[2];
    std::memcpy(build, name.build_id.data(), sizeof build);
    const std::uint64_t place[4] = {build[0], build[1], name.level * 2 + column, name.number};
    return XXH3_64bits(place, sizeof place);
}

void put_identity(FieldWriter& out, const ImageIdentity& image) noexcept {
    out.put(image.kind);
    out.put(image.size_bytes);
    out.put(image.device);
    out.put(image.inode);
    out.put(image.modified_ns);
    out.put(image.changed_ns);
}

bool get_identity(FieldReader& in, ImageIdentity& image) noexcept {
    const auto kind = in.get<std::uint8_t>();
    image.kind = static_cast<ImageKind>(kind);
    image.size_bytes = in.get<std::uint64_t>();
    image.device = in.get<std::uint64_t>();
    image.inode = in.get<std::uint64_t>();
    image.modified_ns = in.get<std::int64_t>();
    image.changed_ns = in.get<std::int64_t>();
    return kind <= static_cast<std::uint8_t>(ImageKind::qcow2);
}

bool get_levels(FieldReader& in, IndexHeader& header) noexcept {
    const auto count = in.get<std::uint8_t>();
    if (count == 0 || count > index_levels_max) {
        return false;
    }
    for (std::size_t i = 0; i < count; ++i) {
        IndexLevel level;
        level.block_bytes = in.get<std::uint32_t>();
        level.blocks = in.get<std::uint64_t>();
        level.entries = in.get<std::uint64_t>();
        level.distinct = in.get<std::uint64_t>();
        header.levels.push(level);
        const auto grid = header.grid(i);
        if (!grid.ok() || grid.value().blocks() != level.blocks || level.entries > level.blocks ||
            level.distinct > level.entries || (level.distinct == 0) != (level.entries == 0)) {
            return false;
        }
    }
    return count == 1 || (header.levels[0].block_bytes == block_bytes_default &&
                          header.levels[1].block_bytes == sector_bytes);
}

bool get_starts(FieldReader& in, GridStarts& starts) noexcept {
    const auto count = in.get<std::uint8_t>();
    if (count == 0 || count > grid_starts_max) {
        return false;
    }
    for (std::size_t i = 0; i < count; ++i) {
        starts.push(in.get<std::uint64_t>());
    }
    return true;
}

}  // namespace

std::uint64_t key_of(const Md5Digest& digest) noexcept {
    std::uint64_t key = 0;
    std::memcpy(&key, digest.data(), sizeof key);
    return key;
}

std::string_view to_string(ImageKind kind) noexcept {
    switch (kind) {
        case ImageKind::raw_file: return "raw file";
        case ImageKind::block_device: return "block device";
        case ImageKind::qcow2: return "qcow2";
    }
    return "unknown";
}

void encode(const IndexHeader& header, IndexHeaderBytes& out) noexcept {
    out.fill(std::byte{0});
    FieldWriter fields{std::span{out}.first(checked_bytes)};
    fields.put(index_magic);
    fields.put(index_version);
    fields.put(std::span<const std::byte>{header.build_id});
    fields.put(header.built_unix_ms);
    fields.put(static_cast<std::uint8_t>(header.changed_during_scan));
    put_identity(fields, header.image);
    fields.put(static_cast<std::uint8_t>(header.starts.size()));
    for (const std::uint64_t start : header.starts) {
        fields.put(start);
    }
    fields.put(static_cast<std::uint8_t>(header.levels.size()));
    for (const IndexLevel& level : header.levels) {
        fields.put(level.block_bytes);
        fields.put(level.blocks);
        fields.put(level.entries);
        fields.put(level.distinct);
    }
    fields.put(header.scanned_bytes_per_second);
    BALLAST_ASSERT(fields.ok());
    seal_index_header(out);
}

void seal_index_header(IndexHeaderBytes& header) noexcept {
    FieldWriter checksum{std::span{header}.subspan(checked_bytes)};
    checksum.put(std::uint64_t{XXH3_64bits(header.data(), checked_bytes)});
}

Result<IndexHeader> decode_index_header(std::span<const std::byte> bytes) noexcept {
    if (bytes.size() < index_header_bytes) {
        return Err{Fault::image_corrupt};
    }
    FieldReader in{bytes.first(checked_bytes)};
    if (in.get<std::uint64_t>() != index_magic) {
        return Err{Fault::image_corrupt};
    }
    // Before the checksum: another version may keep it elsewhere.
    if (in.get<std::uint32_t>() != index_version) {
        return Err{Fault::version_mismatch};
    }
    FieldReader checksum{bytes.subspan(checked_bytes, checksum_bytes)};
    if (checksum.get<std::uint64_t>() != XXH3_64bits(bytes.data(), checked_bytes)) {
        return Err{Fault::image_corrupt};
    }
    IndexHeader header;
    const auto id = in.take(header.build_id.size());
    std::copy(id.begin(), id.end(), header.build_id.begin());
    header.built_unix_ms = in.get<std::int64_t>();
    const auto changed = in.get<std::uint8_t>();
    header.changed_during_scan = changed == 1;
    if (changed > 1 || !get_identity(in, header.image) || !get_starts(in, header.starts) ||
        !get_levels(in, header)) {
        return Err{Fault::image_corrupt};
    }
    header.scanned_bytes_per_second = in.get<std::uint64_t>();
    if (!in.ok()) {
        return Err{Fault::image_corrupt};
    }
    return header;
}

std::uint64_t level_offset(const IndexHeader& header, std::size_t level) noexcept {
    std::uint64_t offset = index_header_bytes;
    for (std::size_t i = 0; i < level; ++i) {
        const std::uint64_t entries = header.levels[i].entries;
        const std::uint64_t pieces = (entries + piece_entries - 1) / piece_entries;
        offset += pieces * piece_checksums_bytes + entries * 12;
    }
    return offset;
}

std::uint64_t keys_checksum(const PieceName& name, std::span<const std::uint64_t> keys) noexcept {
    return XXH3_64bits_withSeed(keys.data(), keys.size_bytes(), seed_of(name, 0));
}

std::uint64_t blocks_checksum(const PieceName& name, std::span<const std::uint32_t> blocks) noexcept {
    return XXH3_64bits_withSeed(blocks.data(), blocks.size_bytes(), seed_of(name, 1));
}

bool ascending(std::span<const std::uint64_t> keys, std::uint64_t previous) noexcept {
    // Without an early end the compiler compares whole vectors.
    bool ok = keys.empty() || keys[0] >= previous;
    for (std::size_t i = 1; i < keys.size(); ++i) {
        ok &= keys[i - 1] <= keys[i];
    }
    return ok;
}

}  // namespace ballast::image
