// Partition tables as far as the grid needs them: where partitions start.
#include <algorithm>
#include <array>

#include "image/core/bytes.hpp"
#include "image/core/grid.hpp"

namespace ballast::image {
namespace {

// Before thinning out; more partitions than this are not looked at.
constexpr std::size_t candidates_max = 256;
using Candidates = FixedVector<std::uint64_t, candidates_max>;
// Logical partitions are a linked list on the disk: it may be long or a ring.
constexpr int logical_partitions_max = 64;
constexpr std::size_t mbr_table_offset = 446;
constexpr std::size_t gpt_entry_bytes_max = 512;
constexpr std::uint8_t type_empty = 0x00;
constexpr std::uint8_t type_gpt_protective = 0xee;

using Sector = std::array<std::byte, sector_bytes>;

struct MbrEntry {
    std::uint8_t status = 0;
    std::uint8_t type = 0;
    std::uint64_t start_sector = 0;
    std::uint64_t sectors = 0;
    bool extended() const noexcept { return type == 0x05 || type == 0x0f || type == 0x85; }
};

bool has_signature(const Sector& sector) noexcept {
    return sector[510] == std::byte{0x55} && sector[511] == std::byte{0xaa};
}

MbrEntry entry_of(const Sector& sector, std::size_t number) noexcept {
    FieldReader reader{std::span{sector}.subspan(mbr_table_offset + 16 * number, 16)};
    MbrEntry entry;
    entry.status = reader.get<std::uint8_t>();
    reader.take(3);
    entry.type = reader.get<std::uint8_t>();
    reader.take(3);
    entry.start_sector = reader.get<std::uint32_t>();
    entry.sectors = reader.get<std::uint32_t>();
    return entry;
}

// A file system's boot sector carries the same signature, with code where the table would be.
bool makes_sense(const MbrEntry& entry, std::uint64_t image_bytes) noexcept {
    if (entry.type == type_empty) {
        return true;
    }
    return (entry.status == 0x00 || entry.status == 0x80) && entry.start_sector > 0 && entry.sectors > 0 &&
           entry.start_sector < image_bytes / sector_bytes;
}

void collect_logical(SectorReader& reader, std::uint64_t extended_start, std::uint64_t image_bytes,
                     Candidates& out) noexcept {
    std::uint64_t table = extended_start;
    for (int i = 0; i < logical_partitions_max; ++i) {
        Sector sector;
        if (table >= image_bytes / sector_bytes || !reader.read_sector(table * sector_bytes, sector) ||
            !has_signature(sector)) {
            return;
        }
        const MbrEntry logical = entry_of(sector, 0);
        if (logical.type != type_empty && !out.try_push((table + logical.start_sector) * sector_bytes)) {
            return;
        }
        const MbrEntry next = entry_of(sector, 1);
        if (!next.extended() || next.start_sector == 0) {
            return;
        }
        table = extended_start + next.start_sector;
    }
}

// Disks with sectors of 4096 bytes count in those.
void collect_gpt(SectorReader& reader, Candidates& out) noexcept {
    for (const std::uint64_t lba_bytes : {std::uint64_t{512}, std::uint64_t{4096}}) {
        Sector header;
        if (!reader.read_sector(lba_bytes, header)) {
            return;
        }
        constexpr std::uint64_t signature = 0x5452415020494645;  // "EFI PART"
        FieldReader fields{header};
        if (fields.get<std::uint64_t>() != signature) {
            continue;
        }
        fields.take(64);
        const std::uint64_t table_lba = fields.get<std::uint64_t>();
        const std::uint64_t count = std::min<std::uint64_t>(fields.get<std::uint32_t>(), candidates_max);
        const std::uint64_t entry_bytes = fields.get<std::uint32_t>();
        if (entry_bytes < 128 || entry_bytes > gpt_entry_bytes_max || table_lba > (blocks_max << 8)) {
            return;
        }
        for (std::uint64_t i = 0; i < count; ++i) {
            std::array<std::byte, 40> entry;
            if (!reader.read_sector(table_lba * lba_bytes + i * entry_bytes, entry)) {
                return;
            }
            FieldReader entry_fields{entry};
            const auto type_low = entry_fields.get<std::uint64_t>();
            const auto type_high = entry_fields.get<std::uint64_t>();
            entry_fields.take(16);
            const std::uint64_t first_lba = entry_fields.get<std::uint64_t>();
            if ((type_low | type_high) != 0 && first_lba < blocks_max << 8 &&
                !out.try_push(first_lba * lba_bytes)) {
                return;
            }
        }
        return;
    }
}

void collect(SectorReader& reader, std::uint64_t image_bytes, Candidates& out) noexcept {
    Sector sector;
    if (image_bytes < 2 * sector_bytes || !reader.read_sector(0, sector) || !has_signature(sector)) {
        return;
    }
    for (std::size_t i = 0; i < 4; ++i) {
        if (!makes_sense(entry_of(sector, i), image_bytes)) {
            return;
        }
    }
    for (std::size_t i = 0; i < 4; ++i) {
        const MbrEntry entry = entry_of(sector, i);
        if (entry.type == type_gpt_protective) {
            out.clear();
            collect_gpt(reader, out);
            return;
        }
        if (entry.extended()) {
            collect_logical(reader, entry.start_sector, image_bytes, out);
        } else if (entry.type != type_empty && !out.try_push(entry.start_sector * sector_bytes)) {
            return;
        }
    }
}

}  // namespace

GridStarts find_grid_starts(SectorReader& reader, std::uint64_t image_bytes) noexcept {
    Candidates candidates;
    collect(reader, image_bytes, candidates);
    std::sort(candidates.begin(), candidates.end());
    GridStarts starts;
    starts.push(0);
    for (const std::uint64_t start : candidates) {
        const std::uint64_t last = starts[starts.size() - 1];
        const bool off_grid = (start - last) % block_bytes_default != 0;
        if (start > last && start < image_bytes && off_grid && !starts.try_push(start)) {
            break;
        }
    }
    return starts;
}

}  // namespace ballast::image
