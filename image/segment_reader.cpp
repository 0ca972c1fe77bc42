#include "image/segment_reader.hpp"

#include <algorithm>

#include "image/core/zero.hpp"
#include "image/journal.hpp"

namespace ballast::image {
namespace {

// Between two literals of a segment so much is read along with them: a call costs as much, a question to
// another process more.
constexpr std::size_t gap_bytes_max = 16 * 1024;
constexpr std::size_t gap_bytes_max_dear = 128 * 1024;

}  // namespace

SegmentReader::SegmentReader(ImageSource& source, const TransferKey& key, std::uint64_t image_bytes,
                             Known known)
    : source_{source},
      image_bytes_{image_bytes},
      known_{std::move(known)},
      digester_{key},
      again_digester_{key} {
    for (ReadSegment& segment : ring_) {
        segment.bytes.resize(segment_bytes);
    }
    thread_ = std::thread{[this] { read_all(); }};
}

SegmentReader::~SegmentReader() {
    {
        const std::lock_guard lock{mutex_};
        stop_ = true;
    }
    changed_.notify_all();
    thread_.join();
}

void SegmentReader::read_all() {
    for (std::uint64_t number = 0; number < segments_of(image_bytes_); ++number) {
        {
            std::unique_lock lock{mutex_};
            changed_.wait(lock, [&] { return stop_ || number - taken_ + (holding_ ? 1 : 0) < ring_.size(); });
            if (stop_) {
                return;
            }
        }
        std::string why;
        const Status status = read_one(number, ring_[number % ring_.size()], why);
        {
            const std::lock_guard lock{mutex_};
            read_ += status.ok() ? 1 : 0;
            end_ = status;
            end_why_ = why;
        }
        changed_.notify_all();
        if (!status.ok()) {
            return;
        }
    }
}

Status SegmentReader::read_one(std::uint64_t number, ReadSegment& segment, std::string& why) {
    const std::uint32_t length = segment_length(image_bytes_, number);
    const std::span<std::byte> content = std::span{segment.bytes}.first(length);
    const std::uint64_t offset = number * segment_bytes;
    segment.number = number;
    segment.has_content = known_.seen == nullptr || !known_.seen->get(number, segment.seen);
    if (!segment.has_content) {
        segment.digest = segment.seen.digest;
        segment.zero = segment.digest == digester_.of_zeros(number, length);
        return segment.zero ? Status{} : read_literals(segment, why);
    }
    {
        const std::lock_guard source_lock{source_mutex_};
        if (data_asked_ > offset || offset >= data_.end()) {
            BALLAST_CHECK(source_.next_data(offset, data_, why));
            data_asked_ = offset;
        }
        segment.zero = data_.length == 0 || data_.offset >= offset + length;
        if (!segment.zero) {
            digester_.begin_segment();
            // One that another process answers for is asked seldom.
            const std::size_t at_once = source_.dear_to_ask() ? content.size() : digest_piece_bytes;
            for (std::size_t at = 0; at < content.size(); at += at_once) {
                const auto piece = content.subspan(at, std::min(content.size() - at, at_once));
                BALLAST_CHECK(source_.read(offset + at, piece, why));
                digester_.add_piece(piece);
            }
            segment.zero = digester_.only_zeros();
        }
    }
    segment.digest = segment.zero ? digester_.of_zeros(number, length) : digester_.end_segment(number);
    return {};
}

// The first literal of which something lies at `from` or after it.
Status SegmentReader::find_literal(std::uint64_t from, std::string& why) {
    while (!literals_ended_ && (literal_.kind != RunKind::literal || literal_.end() <= from)) {
        bool got = false;
        BALLAST_CHECK(known_.placements->next(literal_, got, why));
        literals_ended_ = !got;
    }
    return {};
}

// The blocks that literals touch, and little between.
Status SegmentReader::read_literals(ReadSegment& segment, std::string& why) {
    Digest there{};
    bool is_there = false;
    BALLAST_CHECK(known_.there->get(segment.number, there, is_there, why));
    if (is_there && there == segment.digest) {
        return {};
    }
    const std::uint64_t start = segment.number * segment_bytes;
    const std::uint64_t length = segment_length(image_bytes_, segment.number);
    const std::size_t gap_max = source_.dear_to_ask() ? gap_bytes_max_dear : gap_bytes_max;
    Extent stretch;
    std::uint64_t done = 0;
    while (true) {
        BALLAST_CHECK(find_literal(start + done, why));
        if (literals_ended_ || literal_.offset >= start + length) {
            return read_part(segment, stretch, why);
        }
        const std::uint64_t from = std::max(literal_.offset, start + done) - start;
        const std::uint64_t begin = from / sent_block_bytes * sent_block_bytes;
        done = std::min(literal_.end() - start, length);
        const std::uint64_t end = (done + sent_block_bytes - 1) / sent_block_bytes * sent_block_bytes;
        if (stretch.length == 0 || begin > stretch.end() + gap_max) {
            BALLAST_CHECK(read_part(segment, stretch, why));
            stretch.offset = begin;
        }
        stretch.length = std::min(end, length) - stretch.offset;
    }
}

Status SegmentReader::read_part(ReadSegment& segment, Extent part, std::string& why) {
    if (part.length == 0) {
        return {};
    }
    const std::span<std::byte> into = std::span{segment.bytes}.subspan(static_cast<std::size_t>(part.offset),
                                                                       static_cast<std::size_t>(part.length));
    const std::lock_guard source_lock{source_mutex_};
    return source_.read(segment.number * segment_bytes + part.offset, into, why);
}

Status SegmentReader::next(ReadSegment*& segment, std::string& why) {
    std::unique_lock lock{mutex_};
    if (holding_) {
        holding_ = false;
        changed_.notify_all();
    }
    changed_.wait(lock, [this] { return read_ > taken_ || !end_.ok(); });
    if (read_ == taken_) {
        why = end_why_;
        return end_;
    }
    segment = &ring_[taken_ % ring_.size()];
    ++taken_;
    holding_ = true;
    return {};
}

Status SegmentReader::read_again(std::uint64_t number, ReadSegment& segment, std::string& why) {
    const std::uint32_t length = segment_length(image_bytes_, number);
    const std::span<std::byte> content = std::span{segment.bytes}.first(length);
    segment.number = number;
    const std::lock_guard source_lock{source_mutex_};
    BALLAST_CHECK(source_.read(number * segment_bytes, content, why));
    segment.zero = all_zero(content);
    segment.digest = again_digester_.of_segment(number, content);
    segment.has_content = true;
    return {};
}

}  // namespace ballast::image
