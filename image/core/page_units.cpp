#include "image/core/page_units.hpp"

#include "base/assert.hpp"
#include "image/core/bytes.hpp"

namespace ballast::image {
namespace {

constexpr std::array<std::byte, 8> memory_magic{std::byte{'L'},  std::byte{'S'}, std::byte{'T'},
                                                std::byte{'M'},  std::byte{'E'}, std::byte{'M'},
                                                std::byte{0x1a}, std::byte{0x0a}};
constexpr Err<Fault> bad_unit{Fault::protocol_violation};

// A run's kind is in the low bits of its length.
constexpr unsigned kind_bits = 2;
constexpr std::uint64_t kind_mask = (1u << kind_bits) - 1;

bool in_bounds(const PageRun& run, const PageBounds& bounds) noexcept {
    const std::uint64_t end = std::uint64_t{run.first} + run.pages;
    switch (run.kind) {
        case PageKind::literal:
        case PageKind::zero: return true;
        case PageKind::kept: return end <= bounds.kept_pages;
        case PageKind::block:
            return run.image < bounds.image_blocks.size() && end <= bounds.image_blocks[run.image];
    }
    return false;
}

bool decode_run(FieldReader& fields, std::uint64_t pages_left, PageRun& out) noexcept {
    const std::uint64_t word = fields.get_varint();
    const std::uint64_t pages = word >> kind_bits;
    out = {.kind = static_cast<PageKind>(word & kind_mask)};
    if (pages == 0 || pages > pages_left) {
        return false;
    }
    out.pages = static_cast<std::uint16_t>(pages);
    if (out.kind == PageKind::block) {
        out.image = fields.get<std::uint8_t>();
    }
    if (out.kind == PageKind::block || out.kind == PageKind::kept) {
        const std::uint64_t first = fields.get_varint();
        if (first > UINT32_MAX) {
            return false;
        }
        out.first = static_cast<std::uint32_t>(first);
    }
    return fields.ok();
}

}  // namespace

void encode(const MemoryHead& head, std::span<std::byte, memory_head_bytes> out) noexcept {
    FieldWriter fields{out};
    fields.put(memory_magic);
    fields.put(memory_stream_version);
    fields.put(head.kept_pages);
    fields.put(head.key);
    BALLAST_ASSERT(fields.ok());
}

Result<MemoryHead> decode_memory_head(std::span<const std::byte, memory_head_bytes> bytes) noexcept {
    FieldReader fields{bytes};
    const std::span<const std::byte> magic = fields.take(memory_magic.size());
    if (std::memcmp(magic.data(), memory_magic.data(), memory_magic.size()) != 0) {
        return bad_unit;
    }
    if (fields.get<std::uint32_t>() != memory_stream_version) {
        return Err{Fault::version_mismatch};
    }
    MemoryHead head{.kept_pages = fields.get<std::uint32_t>()};
    if (head.kept_pages == 0 || head.kept_pages > kept_pages_max) {
        return bad_unit;
    }
    std::memcpy(head.key.data(), fields.take(head.key.size()).data(), head.key.size());
    return head;
}

void encode(const UnitHead& head, std::span<std::byte, unit_head_bytes> out) noexcept {
    FieldWriter fields{out};
    fields.put(head.type);
    fields.put(head.body_bytes);
}

Result<UnitHead> decode_unit_head(std::span<const std::byte, unit_head_bytes> bytes) noexcept {
    FieldReader fields{bytes};
    const auto type = fields.get<std::uint8_t>();
    const auto length = fields.get<std::uint32_t>();
    std::size_t length_max = 0;
    switch (static_cast<UnitType>(type)) {
        case UnitType::opaque: length_max = unit_opaque_bytes_max; break;
        case UnitType::pages: length_max = unit_body_bytes_max; break;
        case UnitType::padding: length_max = unit_padding_bytes_max; break;
        case UnitType::end: length_max = sizeof(std::uint64_t) + unit_tail_bytes_max; break;
    }
    if (length > length_max) {
        return bad_unit;
    }
    return UnitHead{.type = static_cast<UnitType>(type), .body_bytes = length};
}

void append_page(PageRuns& runs, const PageRun& page) noexcept {
    if (!runs.empty()) {
        PageRun& last = runs[runs.size() - 1];
        const bool refers = page.kind == PageKind::kept || page.kind == PageKind::block;
        if (last.kind == page.kind && last.image == page.image &&
            (!refers || page.first == std::uint64_t{last.first} + last.pages)) {
            ++last.pages;
            return;
        }
    }
    runs.push(page);
}

std::size_t encode_pages(const PageRuns& runs, const Digest& digest, std::span<std::byte> out) noexcept {
    std::uint32_t pages = 0;
    for (const PageRun& run : runs) {
        pages += run.pages;
    }
    FieldWriter fields{out};
    fields.put(static_cast<std::uint16_t>(pages));
    for (const PageRun& run : runs) {
        fields.put_varint(std::uint64_t{run.pages} << kind_bits | static_cast<std::uint64_t>(run.kind));
        if (run.kind == PageKind::block) {
            fields.put(run.image);
        }
        if (run.kind == PageKind::block || run.kind == PageKind::kept) {
            fields.put_varint(run.first);
        }
    }
    fields.put(digest);
    BALLAST_ASSERT(fields.ok());
    return fields.used();
}

Status decode_pages(std::span<const std::byte> body, const PageBounds& bounds, PagesUnit& out) noexcept {
    FieldReader fields{body};
    out.pages = fields.get<std::uint16_t>();
    out.runs.clear();
    if (!fields.ok() || out.pages == 0 || out.pages > pages_in_unit_max) {
        return bad_unit;
    }
    std::uint64_t literals = 0;
    for (std::uint64_t left = out.pages; left > 0;) {
        PageRun run;
        if (!decode_run(fields, left, run) || !in_bounds(run, bounds)) {
            return bad_unit;
        }
        left -= run.pages;
        literals += run.kind == PageKind::literal ? run.pages : 0;
        out.runs.push(run);
    }
    const std::span<const std::byte> digest = fields.take(out.digest.size());
    if (!fields.ok() || fields.left() != literals * page_bytes) {
        return bad_unit;
    }
    std::memcpy(out.digest.data(), digest.data(), digest.size());
    out.literals = fields.take(fields.left());
    return {};
}

std::size_t encode(const EndUnit& end, std::span<std::byte> out) noexcept {
    FieldWriter fields{out};
    fields.put(end.bytes_before);
    fields.put(end.tail);
    BALLAST_ASSERT(fields.ok() && end.tail.size() <= unit_tail_bytes_max);
    return fields.used();
}

Result<EndUnit> decode_end_unit(std::span<const std::byte> body) noexcept {
    FieldReader fields{body};
    EndUnit end{.bytes_before = fields.get<std::uint64_t>(), .tail = fields.take(fields.left())};
    if (!fields.ok() || end.tail.size() > unit_tail_bytes_max) {
        return bad_unit;
    }
    return end;
}

}  // namespace ballast::image
