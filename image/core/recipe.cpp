#include "image/core/recipe.hpp"

#include "base/assert.hpp"
#include "image/core/bytes.hpp"

namespace ballast::image {
namespace {

// Where the copy after this run goes on, if it does. Most copies continue the one before them after a gap of
// the same length on both sides, so offsets are written as differences from that.
struct Expected {
    std::uint64_t segment_at = 0;
    std::uint64_t source_at = 0;
    std::uint8_t local_image = 0;
    std::uint64_t after(std::uint64_t segment_position) const noexcept {
        return source_at + (segment_position - segment_at);
    }
};

constexpr std::uint64_t zigzag(std::uint64_t difference) noexcept {
    return (difference << 1) ^ (0 - (difference >> 63));
}
constexpr std::uint64_t unzigzag(std::uint64_t code) noexcept {
    return (code >> 1) ^ (0 - (code & 1));
}
static_assert(unzigzag(zigzag(0 - std::uint64_t{5})) == 0 - std::uint64_t{5} && zigzag(0) == 0);

bool in_bounds(const Run& run, std::uint64_t run_offset, const RecipeBounds& bounds) noexcept {
    switch (run.kind) {
        case RunKind::zero:
        case RunKind::literal: return true;
        case RunKind::local: {
            if (run.local_image >= bounds.local_sizes.size()) {
                return false;
            }
            const std::uint64_t size = bounds.local_sizes[run.local_image];
            return run.source_offset <= size && run.length <= size - run.source_offset;
        }
        case RunKind::itself:
            return is_kept(run, run_offset) ||
                   (run.source_offset <= run_offset && run.length <= run_offset - run.source_offset);
    }
    return false;
}

}  // namespace

bool Recipe::joins_last(const Run& run) const noexcept {
    if (count_ == 0 || memory_[count_ - 1].kind != run.kind) {
        return false;
    }
    if (run.kind == RunKind::zero || run.kind == RunKind::literal) {
        return true;
    }
    const Run& last = memory_[count_ - 1];
    if (last.local_image != run.local_image || last.source_offset + last.length != run.source_offset) {
        return false;
    }
    // Of the new image, a joined run may not reach into itself, unless both stay where they are.
    const std::uint64_t last_offset = segment_offset_ + length_ - last.length;
    if (is_kept(last, last_offset)) {
        return true;
    }
    return run.kind == RunKind::local || run.source_offset + run.length <= last_offset;
}

void Recipe::append(const Run& run) noexcept {
    BALLAST_ASSERT(run.length > 0);
    const bool joins = joins_last(run);
    length_ += run.length;
    literal_bytes_ += run.kind == RunKind::literal ? run.length : 0;
    if (joins) {
        memory_[count_ - 1].length += run.length;
        return;
    }
    BALLAST_ASSERT(count_ < memory_.size());
    memory_[count_++] = run;
}

std::size_t encode(const Recipe& recipe, std::span<std::byte> out) noexcept {
    FieldWriter fields{out};
    Expected expected;
    std::uint64_t at = 0;
    for (const Run& run : recipe.runs()) {
        fields.put_varint(std::uint64_t{run.length} << 2 | static_cast<std::uint64_t>(run.kind));
        if (run.kind == RunKind::local) {
            fields.put(run.local_image);
        }
        if (run.kind == RunKind::local || run.kind == RunKind::itself) {
            fields.put_varint(zigzag(run.source_offset - expected.after(at)));
            expected = {.segment_at = at, .source_at = run.source_offset, .local_image = run.local_image};
        }
        at += run.length;
    }
    BALLAST_ASSERT(fields.ok());
    return fields.used();
}

Status decode_recipe(std::span<const std::byte> bytes, const RecipeBounds& bounds, Recipe& recipe) noexcept {
    recipe.clear(bounds.segment_offset);
    FieldReader fields{bytes};
    Expected expected;
    std::uint64_t at = 0;
    while (fields.left() > 0) {
        const std::uint64_t head = fields.get_varint();
        const std::uint64_t length = head >> 2;
        Run run{.kind = static_cast<RunKind>(head & 3)};
        if (!fields.ok() || length == 0 || length > bounds.segment_length - at ||
            recipe.runs().size() == runs_max) {
            return Err{Fault::protocol_violation};
        }
        run.length = static_cast<std::uint32_t>(length);
        if (run.kind == RunKind::local) {
            run.local_image = fields.get<std::uint8_t>();
        }
        if (run.kind == RunKind::local || run.kind == RunKind::itself) {
            run.source_offset = expected.after(at) + unzigzag(fields.get_varint());
            expected = {.segment_at = at, .source_at = run.source_offset, .local_image = run.local_image};
        }
        if (!fields.ok() || !in_bounds(run, bounds.segment_offset + at, bounds)) {
            return Err{Fault::protocol_violation};
        }
        recipe.append(run);
        at += length;
    }
    return at == bounds.segment_length ? Status{} : Status{Err{Fault::protocol_violation}};
}

}  // namespace ballast::image
