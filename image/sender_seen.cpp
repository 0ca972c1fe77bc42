// What was seen of the image when it was indexed, and what the destination was given.
#include <algorithm>

#include "image/sender.hpp"
#include "image/sender_work.hpp"

namespace ballast::image {
namespace {

// Between two literals of a segment this much is read along with them: a call costs as much.
constexpr std::size_t gap_bytes_max = 16 * 1024;

}  // namespace

// What an earlier attempt sent may be remembered as something older, or not at all. Later rounds skip only
// what the first one has seen.
Status ImageSender::remember_skipped(const ReadSegment& read, std::string& why) {
    Work& work = *work_;
    if (!options_.match_blocks || work.sent_blocks.load(read.number, read.digest)) {
        return {};
    }
    return read.zero ? work.sent_blocks.forget(read.number, why) : remember(read, why);
}

Status ImageSender::remember(const ReadSegment& read, std::string& why) {
    const std::uint64_t number = read.number;
    const std::uint32_t length = segment_length(work_->image_bytes, number);
    return read.has_content
               ? work_->sent_blocks.keep(number, read.digest, std::span{read.bytes}.first(length), why)
               : work_->sent_blocks.keep(number, read.seen, why);
}

// What the segment is by now, instead of what was seen of it.
Status ImageSender::read_now(ReadSegment& read, std::string& why) {
    BALLAST_CHECK(work_->reader->read_again(read.number, read, why));
    return work_->digests.put(read.number, read.digest, why);
}

// What was not read because it was seen before, as far as it travels.
Status ImageSender::read_literals(ReadSegment& read, std::string& why) {
    bool changed = false;
    BALLAST_CHECK(work_->read_literals(read, changed, why));
    if (changed) {
        BALLAST_CHECK(read_now(read, why));
        work_->correct_zeros(read);
    }
    return {};
}

Status ImageSender::Work::read_literals(ReadSegment& segment, bool& changed, std::string& why) {
    const std::size_t length = content_of(segment).size();
    // One that another process answers for is asked seldom.
    const std::size_t gap_max = source->can_be_shared() ? gap_bytes_max : segment_bytes;
    Extent stretch;
    std::size_t at = 0;
    changed = false;
    for (const Run& run : recipe.runs()) {
        const std::size_t begin = at / sent_block_bytes * sent_block_bytes;
        at += run.length;
        if (run.kind != RunKind::literal) {
            continue;
        }
        const std::size_t end =
            std::min((at + sent_block_bytes - 1) / sent_block_bytes * sent_block_bytes, length);
        if (begin > stretch.end() + gap_max) {
            BALLAST_CHECK(read_blocks(segment, stretch, changed, why));
            stretch.offset = begin;
        }
        stretch.length = end - stretch.offset;
    }
    return read_blocks(segment, stretch, changed, why);
}

Status ImageSender::Work::read_blocks(ReadSegment& segment, Extent stretch, bool& changed, std::string& why) {
    if (stretch.length == 0) {
        return {};
    }
    BALLAST_CHECK(reader->read_part(segment, stretch, why));
    const std::span<const std::byte> bytes = content_of(segment);
    for (std::uint64_t at = stretch.offset; at < stretch.end() && !changed; at += sent_block_bytes) {
        const auto block = bytes.subspan(static_cast<std::size_t>(at));
        changed = !seen->same(segment.seen, static_cast<std::size_t>(at / sent_block_bytes),
                              block.first(std::min(block.size(), sent_block_bytes)));
    }
    return {};
}

}  // namespace ballast::image
