// Bodies of an image's transfer as a hostile peer could send them: recipes, keys, matches and the rest. What
// is accepted is within its bounds, and recipes and keys say the same when written again.
#include <array>
#include <cstdint>
#include <vector>

#include "base/assert.hpp"
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
    static_cast<void>(decode_digest(body));
    if (const auto failure = decode_failure(body); failure.ok()) {
        BALLAST_ASSERT(failure.value().fault != Fault::none);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::span body{reinterpret_cast<const std::byte*>(data), size};
    check_recipe(body);
    check_keys(body);
    check_others(body);
    return 0;
}
