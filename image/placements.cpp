#include "image/placements.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "image/failure.hpp"

namespace ballast::image {
namespace {

// key: 36 bits of the sector, 8 bits of the origin, the upper 20 bits of the sector that is copied;
// block: its lower 32 bits.
constexpr unsigned sector_shift = 28;
constexpr unsigned origin_shift = 20;
constexpr std::uint8_t origin_itself = local_images_max;
constexpr std::uint8_t origin_literal = local_images_max + 1;
static_assert(local_images_max + 1 < 256);

constexpr std::size_t list_entries = 4096;

}  // namespace

Entry pack(const Placement& placement) noexcept {
    const std::uint64_t origin = placement.kind == RunKind::local    ? placement.local_image
                                 : placement.kind == RunKind::itself ? origin_itself
                                                                     : origin_literal;
    const std::uint64_t copied = placement.source_offset / sector_bytes;
    return {.key = (placement.offset / sector_bytes) << sector_shift | origin << origin_shift | copied >> 32,
            .block = static_cast<std::uint32_t>(copied)};
}

Placement unpack(const Entry& entry, const Grid& grid) noexcept {
    Placement placement;
    placement.offset = (entry.key >> sector_shift) * sector_bytes;
    placement.length = static_cast<std::uint32_t>(grid.extent_of(grid.block_at(placement.offset)).length);
    const auto origin = static_cast<std::uint8_t>(entry.key >> origin_shift);
    placement.kind = origin < local_images_max ? RunKind::local
                     : origin == origin_itself ? RunKind::itself
                                               : RunKind::literal;
    placement.local_image = placement.kind == RunKind::local ? origin : std::uint8_t{0};
    const std::uint64_t upper = entry.key & ((std::uint64_t{1} << origin_shift) - 1);
    placement.source_offset = (upper << 32 | entry.block) * sector_bytes;
    return placement;
}

Status IndexEntries::next(std::span<const Entry>& entries, std::string& why) {
    std::span<const std::uint64_t> keys;
    std::span<const std::uint32_t> blocks;
    if (const Status status = cursor_.next_entries(keys, blocks); !status.ok()) {
        why = cursor_.why();
        return status;
    }
    entries_.resize(keys.size());
    for (std::size_t i = 0; i < keys.size(); ++i) {
        entries_[i] = {.key = keys[i], .block = blocks[i]};
    }
    entries = entries_;
    return {};
}

Status EntryFile::create(const std::string& path, std::string& why) {
    BALLAST_CHECK(open_file(path, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW, file_, why));
    if (::unlink(path.c_str()) != 0) {
        return system_failure(path, "unlink", errno, why);
    }
    return {};
}

Status EntryFile::append(std::span<const Entry> entries, std::string& why) {
    BALLAST_CHECK(write_exactly(file_, entries_ * sizeof(Entry), std::as_bytes(entries), why));
    entries_ += entries.size();
    return {};
}

Status EntryFile::append_all(Sorter& sorted, std::string& why) {
    while (true) {
        std::span<const Entry> entries;
        BALLAST_CHECK(sorted.next(entries, why));
        if (entries.empty()) {
            return {};
        }
        BALLAST_CHECK(append(entries, why));
    }
}

Status FileEntries::next(std::span<const Entry>& entries, std::string& why) {
    const std::uint64_t count = std::min<std::uint64_t>(list_.entries() - at_, list_entries);
    entries_.resize(static_cast<std::size_t>(count));
    BALLAST_CHECK(
        read_exactly(list_.file(), at_ * sizeof(Entry), std::as_writable_bytes(std::span{entries_}), why));
    at_ += count;
    entries = entries_;
    return {};
}

Status EntryReader::peek(const Entry*& entry, std::string& why) {
    if (left_.empty()) {
        BALLAST_CHECK(stream_.next(left_, why));
    }
    entry = left_.empty() ? nullptr : &left_.front();
    return {};
}

PlacementStream::PlacementStream(const EntryFile& blocks, const Grid& block_grid, const EntryFile* sectors,
                                 const Grid* sector_grid)
    : block_entries_{blocks}, blocks_{block_entries_}, block_grid_{block_grid}, sector_grid_{sector_grid} {
    if (sectors != nullptr) {
        sector_entries_ = std::make_unique<FileEntries>(*sectors);
        sectors_ = std::make_unique<EntryReader>(*sector_entries_);
    }
}

Status PlacementStream::next_sector(Placement& placement, bool& got, std::string& why) {
    const Entry* entry = nullptr;
    got = false;
    BALLAST_CHECK(sectors_->peek(entry, why));
    if (entry != nullptr) {
        placement = unpack(*entry, *sector_grid_);
        got = placement.offset < split_until_;
        if (got) {
            sectors_->advance();
        }
    }
    return {};
}

Status PlacementStream::next(Placement& placement, bool& got, std::string& why) {
    while (true) {
        if (sectors_) {
            BALLAST_CHECK(next_sector(placement, got, why));
            if (got) {
                return {};
            }
        }
        const Entry* entry = nullptr;
        BALLAST_CHECK(blocks_.peek(entry, why));
        got = entry != nullptr;
        if (!got) {
            return {};
        }
        placement = unpack(*entry, block_grid_);
        blocks_.advance();
        if (!sectors_ || placement.kind != RunKind::literal) {
            return {};
        }
        split_until_ = placement.end();
    }
}

}  // namespace ballast::image
