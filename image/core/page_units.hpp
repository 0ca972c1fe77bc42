// The stream of a guest's memory in which pages that the destination holds are references: its bytes.
// docs/wan_migration.md says what they mean. A head, then units: type (1 byte), length (4 bytes), body. All
// of it is checked here, but for digests and for places of kept pages that are not filled yet.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/fixed_vector.hpp"
#include "base/limits.hpp"
#include "base/result.hpp"
#include "image/core/page_finder.hpp"
#include "image/core/transfer_messages.hpp"

namespace ballast::image {

inline constexpr std::uint32_t memory_stream_version = 1;
inline constexpr std::size_t memory_head_bytes = 8 + 4 + 4 + sizeof(TransferKey);
// Pages kept at each end; more are refused.
inline constexpr std::uint32_t kept_pages_max = 16 * 1024;

struct MemoryHead {
    std::uint32_t kept_pages = 0;
    TransferKey key{};  // of the digests; fresh for each stream
};
void encode(const MemoryHead& head, std::span<std::byte, memory_head_bytes> out) noexcept;
// `version_mismatch`; `protocol_violation`: no such stream, or kept_pages out of its range.
Result<MemoryHead> decode_memory_head(std::span<const std::byte, memory_head_bytes> bytes) noexcept;

// Frozen: travels on the wire.
enum class UnitType : std::uint8_t {
    opaque = 1,  // bytes of the stream
    pages = 2,  // pages of the stream: what each is, a digest of those that are references, those that travel
    padding = 3,  // nothing
    end = 4,      // bytes of the whole stream before this (8 bytes), then its last ones
};

inline constexpr std::size_t unit_head_bytes = 5;
inline constexpr std::size_t pages_in_unit_max = 256;
inline constexpr std::size_t page_run_bytes_max = 1 + 3 + 1 + 10;
inline constexpr std::size_t unit_opaque_bytes_max = 64 * 1024;
inline constexpr std::size_t unit_padding_bytes_max = 128 * 1024;
// A stream has no more bytes behind what ends it than its end unit can carry.
inline constexpr std::size_t unit_tail_bytes_max = 64;
inline constexpr std::size_t unit_body_bytes_max =
    2 + pages_in_unit_max * page_run_bytes_max + sizeof(Digest) + pages_in_unit_max * page_bytes;

struct UnitHead {
    UnitType type = UnitType::end;
    std::uint32_t body_bytes = 0;
};
void encode(const UnitHead& head, std::span<std::byte, unit_head_bytes> out) noexcept;
// `protocol_violation`: an unknown type, or a length that it cannot have.
Result<UnitHead> decode_unit_head(std::span<const std::byte, unit_head_bytes> bytes) noexcept;

// Frozen: travels on the wire.
enum class PageKind : std::uint8_t {
    literal = 0,  // travels in this unit
    zero = 1,
    kept = 2,   // a place among the pages kept at both ends
    block = 3,  // a block of 4096 bytes of one of the guest's images
};

// Pages that follow each other in the stream and in what they refer to.
struct PageRun {
    PageKind kind = PageKind::literal;
    std::uint8_t image = 0;   // block: which of the guest's images
    std::uint16_t pages = 1;  // not 0
    std::uint32_t first = 0;  // kept: its place; block: its number
    friend constexpr bool operator==(const PageRun&, const PageRun&) noexcept = default;
};
using PageRuns = FixedVector<PageRun, pages_in_unit_max>;

// Joins a page (`run` of one) to the runs. REQUIRES: fewer than pages_in_unit_max pages in them.
void append_page(PageRuns& runs, const PageRun& page) noexcept;

// What a reference may mean here.
struct PageBounds {
    std::uint32_t kept_pages = 0;
    std::span<const std::uint32_t> image_blocks;  // whole blocks of each image
};

struct PagesUnit {
    PageRuns runs;
    std::uint32_t pages = 0;
    Digest digest{};  // of the unit's number and of all pages that are kept or blocks, in order
    std::span<const std::byte> literals;  // whole pages, as many as the runs say
};
// The body without the literals, which follow it. REQUIRES: room for unit_body_bytes_max less the literals.
std::size_t encode_pages(const PageRuns& runs, const Digest& digest, std::span<std::byte> out) noexcept;
Status decode_pages(std::span<const std::byte> body, const PageBounds& bounds, PagesUnit& out) noexcept;

struct EndUnit {
    std::uint64_t bytes_before = 0;
    std::span<const std::byte> tail;
};
std::size_t encode(const EndUnit& end, std::span<std::byte> out) noexcept;
Result<EndUnit> decode_end_unit(std::span<const std::byte> body) noexcept;

}  // namespace ballast::image
