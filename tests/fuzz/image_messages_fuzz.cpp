// Bodies of an image's transfer as a hostile peer could send them: recipes, keys, matches and the rest, and
// units of a memory stream. What is accepted is within its bounds, and recipes, keys and pages say the same
// when written again. And a hypervisor's stream of any bytes, in which pages are looked for.
#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "base/assert.hpp"
#include "image/core/page_finder.hpp"
#include "image/core/page_units.hpp"
#include "image/core/transfer_messages.hpp"

namespace {

using namespace ballast;
using namespace ballast::image;

constexpr std::array<std::uint64_t, 2> local_sizes{3 * 1024 * 1024, 5000};

Welcome offers() {
    Welcome welcome;
    for (const std::uint64_t size : local_sizes) {
        welcome.locals.push({.image_bytes = size, .blocks = size / 4096, .sectors = size / 512});
    }
    return welcome;
}

void check_recipe(std::span<const std::byte> body) {
    static std::vector<Run> memory(runs_max);
    static std::vector<Run> memory_again(runs_max);
    static std::vector<std::byte> bytes(recipe_bytes_max);
    Recipe recipe{memory};
    const RecipeBounds bounds{.segment_offset = 8192, .segment_length = 65536, .local_sizes = local_sizes};
    if (!decode_recipe(body, bounds, recipe).ok()) {
        return;
    }
    BALLAST_ASSERT(recipe.length() == bounds.segment_length);
    std::uint64_t at = bounds.segment_offset;
    for (const Run& run : recipe.runs()) {
        if (run.kind == RunKind::local) {
            BALLAST_ASSERT(run.source_offset + run.length <= local_sizes[run.local_image]);
        }
        if (run.kind == RunKind::itself) {
            BALLAST_ASSERT(is_kept(run, at) || run.source_offset + run.length <= at);
        }
        at += run.length;
    }
    Recipe again{memory_again};
    BALLAST_ASSERT(decode_recipe(std::span{bytes}.first(encode(recipe, bytes)), bounds, again).ok());
    BALLAST_ASSERT(
        std::equal(recipe.runs().begin(), recipe.runs().end(), again.runs().begin(), again.runs().end()));
}

void check_keys(std::span<const std::byte> body) {
    static std::vector<std::uint64_t> keys(batch_keys_max);
    static std::vector<std::uint64_t> again(batch_keys_max);
    static std::vector<std::byte> bytes(batch_bytes_max);
    const auto batch = decode_keys_head(body);
    if (!batch.ok()) {
        return;
    }
    const std::span<std::uint64_t> found = std::span{keys}.first(batch.value().count);
    const KeyCode code = batch.value().code;
    if (!decode_keys(code, 0, batch.value().bits, found).ok()) {
        return;
    }
    for (std::size_t i = 1; i < found.size(); ++i) {
        BALLAST_ASSERT(found[i - 1] <= found[i]);
    }
    const std::size_t used = encode_keys(code, 0, found, bytes);
    const std::span<std::uint64_t> second = std::span{again}.first(found.size());
    BALLAST_ASSERT(decode_keys(code, 0, std::span{bytes}.first(used), second).ok());
    BALLAST_ASSERT(std::equal(found.begin(), found.end(), second.begin()));
}

void check_others(std::span<const std::byte> body) {
    static std::array<Match, 64> matches;
    const Welcome welcome = offers();
    if (decode_matches(body, welcome, matches).ok()) {
        for (const Match& match : matches) {
            BALLAST_ASSERT(!match.found || match.offset < welcome.locals[match.local_image].image_bytes);
        }
    }
    if (const auto hello = decode_hello(body); hello.ok()) {
        BALLAST_ASSERT(hello.value().version == transfer_version && hello.value().segment == segment_bytes);
    }
    Welcome read;
    if (decode_welcome(body, read).ok()) {
        BALLAST_ASSERT(read.locals.size() <= local_images_max);
    }
    if (const auto verified = decode_verified(body); verified.ok()) {
        BALLAST_ASSERT(verified.value().digests.size() % sizeof(Digest) == 0);
    }
    if (const auto segment = decode_segment(body); segment.ok()) {
        BALLAST_ASSERT(segment.value().literal_bytes <= segment_bytes);
    }
    static_cast<void>(decode_range(body));
    static_cast<void>(decode_progress(body));
    static_cast<void>(decode_digest(body));
    if (const auto failure = decode_failure(body); failure.ok()) {
        BALLAST_ASSERT(failure.value().fault != Fault::none);
    }
}

void check_units(std::span<const std::byte> body) {
    static constexpr std::array<std::uint32_t, 2> blocks{768, 1};
    static PagesUnit unit;
    static PagesUnit again;
    static std::vector<std::byte> bytes(unit_body_bytes_max);
    const PageBounds bounds{.kept_pages = 64, .image_blocks = blocks};
    if (body.size() >= unit_head_bytes) {
        if (const auto head = decode_unit_head(body.first<unit_head_bytes>()); head.ok()) {
            BALLAST_ASSERT(head.value().body_bytes <= unit_body_bytes_max);
        }
    }
    if (const auto end = decode_end_unit(body); end.ok()) {
        BALLAST_ASSERT(end.value().tail.size() <= unit_tail_bytes_max);
    }
    if (!decode_pages(body, bounds, unit).ok()) {
        return;
    }
    std::uint32_t pages = 0;
    for (const PageRun& run : unit.runs) {
        BALLAST_ASSERT(run.kind != PageKind::block || run.first + run.pages <= blocks[run.image]);
        BALLAST_ASSERT(run.kind != PageKind::kept || run.first + run.pages <= bounds.kept_pages);
        pages += run.pages;
    }
    BALLAST_ASSERT(pages == unit.pages && pages <= pages_in_unit_max);
    const std::size_t used = encode_pages(unit.runs, unit.digest, bytes);
    std::copy(unit.literals.begin(), unit.literals.end(), bytes.begin() + static_cast<std::ptrdiff_t>(used));
    BALLAST_ASSERT(decode_pages(std::span{bytes}.first(used + unit.literals.size()), bounds, again).ok());
    BALLAST_ASSERT(std::equal(unit.runs.begin(), unit.runs.end(), again.runs.begin(), again.runs.end()));
}

void check_finder(std::span<const std::byte> stream) {
    XenPageFinder finder;
    while (!stream.empty()) {
        const PageFinder::Next next = finder.next();
        BALLAST_ASSERT(next.bytes > 0 &&
                       (next.kind != PageFinder::Kind::head || next.bytes <= page_head_bytes_max));
        if (next.bytes > stream.size()) {
            return;
        }
        const auto piece = stream.first(static_cast<std::size_t>(next.bytes));
        next.kind == PageFinder::Kind::head ? finder.take(piece) : finder.passed(piece.size());
        stream = stream.subspan(piece.size());
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::span body{reinterpret_cast<const std::byte*>(data), size};
    check_recipe(body);
    check_keys(body);
    check_others(body);
    check_units(body);
    check_finder(body);
    return 0;
}
