// What was seen of the image when it was indexed, and what the destination was given.
#include <algorithm>

#include "image/sender.hpp"
#include "image/sender_work.hpp"

namespace ballast::image {

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

// Of a segment that was seen before, only what travels was read: whether that is still what was seen.
Status ImageSender::check_literals(ReadSegment& read, std::string& why) {
    if (work_->literals_changed(read)) {
        BALLAST_CHECK(read_now(read, why));
        work_->correct_zeros(read);
    }
    return {};
}

bool ImageSender::Work::literals_changed(const ReadSegment& segment) const {
    const std::span<const std::byte> bytes = content_of(segment);
    std::size_t at = 0;
    std::size_t checked = 0;  // whole blocks
    for (const Run& run : recipe.runs()) {
        checked = std::max(checked, at / sent_block_bytes * sent_block_bytes);
        at += run.length;
        for (; run.kind == RunKind::literal && checked < at; checked += sent_block_bytes) {
            const auto block = bytes.subspan(checked, std::min(sent_block_bytes, bytes.size() - checked));
            if (!seen->same(segment.seen, checked / sent_block_bytes, block)) {
                return true;
            }
        }
    }
    return false;
}

}  // namespace ballast::image
