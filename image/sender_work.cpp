#include "image/sender_work.hpp"

#include <algorithm>

#include "image/core/zero.hpp"

namespace ballast::image {

ImageSender::Work::Work(ByteStream& stream, TransferControl& control, const SendOptions& options)
    : messages{stream, control},
      compressor{options.zstd_level},
      recipe_bytes(recipe_bytes_max),
      packed(StreamCompressor::bound(segment_bytes + recipe_bytes_max)),
      runs(runs_max),
      recipe{runs} {
    again.bytes.resize(segment_bytes);
    literals.reserve(runs_max);
}

void ImageSender::Work::append_zeros(std::uint32_t length, std::span<const std::byte> content_there) {
    const RunKind kind = all_zero(content_there) ? RunKind::zero : RunKind::literal;
    recipe.append({.kind = kind, .length = length});
}

std::span<const std::byte> ImageSender::Work::content_of(const ReadSegment& segment) const {
    return std::span{segment.bytes}.first(segment_length(image_bytes, segment.number));
}

std::unique_ptr<PlacementStream> ImageSender::Work::placed() const {
    return std::make_unique<PlacementStream>(block_placements, *blocks,
                                             use_sectors ? &sector_placements : nullptr,
                                             use_sectors ? &*sectors : nullptr);
}

Status ImageSender::Work::compose_recipe(const ReadSegment& segment, std::string& why) {
    const std::span<const std::byte> bytes = content_of(segment);
    const std::uint64_t start = segment.number * segment_bytes;
    recipe.clear(start);
    const std::uint64_t end = start + bytes.size();
    std::uint64_t at = start;
    while (true) {
        if (!has_pending) {
            BALLAST_CHECK(placements->next(pending, has_pending, why));
        }
        if (!has_pending || pending.offset >= end) {
            break;
        }
        // Of segments that were not composed, because they are zeros or there already.
        if (pending.offset < start) {
            const std::uint64_t passed = std::min<std::uint64_t>(start - pending.offset, pending.length);
            pending.offset += passed;
            pending.source_offset += passed;
            pending.length -= static_cast<std::uint32_t>(passed);
            has_pending = pending.length > 0;
            continue;
        }
        if (pending.offset > at) {
            const auto gap = static_cast<std::uint32_t>(pending.offset - at);
            recipe.append({.kind = RunKind::zero, .length = gap});
        }
        const auto length = static_cast<std::uint32_t>(std::min(pending.end(), end) - pending.offset);
        recipe.append({.kind = pending.kind,
                       .local_image = pending.local_image,
                       .length = length,
                       .source_offset = pending.kind == RunKind::literal ? 0 : pending.source_offset});
        at = pending.offset + length;
        pending.offset += length;
        pending.source_offset += length;
        pending.length -= length;
        has_pending = pending.length > 0;
    }
    if (at < end) {
        recipe.append({.kind = RunKind::zero, .length = static_cast<std::uint32_t>(end - at)});
    }
    if (segment.has_content) {
        correct_zeros(segment);
    }
    return {};
}

// Runs become no more, so that each is read before its place is written.
void ImageSender::Work::correct_zeros(const ReadSegment& segment) {
    const std::span<const std::byte> bytes = content_of(segment);
    const std::size_t count = recipe.runs().size();
    recipe.clear(segment.number * segment_bytes);
    for (std::size_t i = 0; i < count; ++i) {
        const Run run = runs[i];
        if (run.kind == RunKind::zero) {
            append_zeros(run.length, bytes.subspan(recipe.length(), run.length));
        } else {
            recipe.append(run);
        }
    }
}

void ImageSender::Work::compose_changes(std::uint64_t number, std::span<const std::byte> bytes) {
    const std::uint64_t start = number * segment_bytes;
    recipe.clear(start);
    for (std::size_t at = 0; at < bytes.size(); at += block_bytes_default) {
        const auto block = bytes.subspan(at, std::min<std::size_t>(bytes.size() - at, block_bytes_default));
        const auto length = static_cast<std::uint32_t>(block.size());
        if (sent_blocks.same(at / block_bytes_default, block)) {
            recipe.append({.kind = RunKind::itself, .length = length, .source_offset = start + at});
        } else {
            append_zeros(length, block);
        }
    }
}

void ImageSender::Work::compose_literal(std::uint64_t number, std::span<const std::byte> bytes) {
    recipe.clear(number * segment_bytes);
    recipe.append({.kind = RunKind::literal, .length = static_cast<std::uint32_t>(bytes.size())});
}

std::span<const StreamCompressor::Part> ImageSender::Work::gather_literals(std::span<const std::byte> bytes) {
    literals.clear();
    std::size_t at = 0;
    for (const Run& run : recipe.runs()) {
        if (run.kind == RunKind::literal) {
            literals.push_back(bytes.subspan(at, run.length));
        }
        at += run.length;
    }
    return literals;
}

}  // namespace ballast::image
