#include "image/seen_segments.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "image/failure.hpp"
#include "image/journal.hpp"

namespace ballast::image {

static_assert(sent_block_bytes == leaf_row_bytes);

Status SeenSegments::create(const std::string& path, std::string& why) {
    BALLAST_CHECK(open_file(path, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW, file_, why));
    if (::unlink(path.c_str()) != 0) {
        return system_failure(path, "unlink", errno, why);
    }
    return {};
}

Status SeenSegments::put(const SeenSegment& segment, std::string& why) {
    return write_exactly(file_, segment.number * sizeof segment.record,
                         std::as_bytes(std::span{&segment.record, 1}), why);
}

// What was never written reads as zeros, or lies beyond the end.
bool SeenSegments::get(std::uint64_t number, SentRecord& record) const {
    std::string ignored;
    const std::span<std::byte> into = std::as_writable_bytes(std::span{&record, 1});
    return read_exactly(file_, number * sizeof record, into, ignored).ok() && record.digest != Digest{};
}

bool SeenSegments::same(const SentRecord& record, std::size_t block,
                        std::span<const std::byte> content) const noexcept {
    return !options_.block_seed || record.blocks[block] == block_fingerprint(content, *options_.block_seed);
}

SegmentMaker::SegmentMaker(const SeenOptions& options, std::uint64_t image_bytes)
    : options_{options}, image_bytes_{image_bytes}, digester_{options.key} {}

void SegmentMaker::begin(std::uint64_t number) noexcept {
    segment_.number = number;
    added_ = 0;
}

void SegmentMaker::add(const std::byte* rows, std::size_t bytes, std::size_t stride,
                       std::vector<SeenSegment>& out) {
    while (bytes > 0) {
        const std::size_t length = segment_length(image_bytes_, segment_.number);
        const std::size_t piece = std::min(bytes, length - added_);
        if (added_ == 0) {
            digester_.begin_segment();
            segment_.record = {};
        }
        digester_.add_rows(rows, piece, stride);
        take_fingerprints(rows, piece, stride);
        added_ += piece;
        if (added_ == length) {
            segment_.record.digest = digester_.end_segment(segment_.number);
            out.push_back(segment_);
            begin(segment_.number + 1);
        }
        rows += piece / leaf_row_bytes * stride;
        bytes -= piece;
    }
}

void SegmentMaker::take_fingerprints(const std::byte* rows, std::size_t bytes, std::size_t stride) noexcept {
    if (!options_.block_seed) {
        return;
    }
    for (std::size_t at = 0; at < bytes; at += sent_block_bytes) {
        const std::span block{rows + at / sent_block_bytes * stride, std::min(bytes - at, sent_block_bytes)};
        segment_.record.blocks[(added_ + at) / sent_block_bytes] =
            block_fingerprint(block, *options_.block_seed);
    }
}

}  // namespace ballast::image
