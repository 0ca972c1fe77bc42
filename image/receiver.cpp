#include "image/receiver.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "base/assert.hpp"
#include "image/compressor.hpp"
#include "image/failure.hpp"
#include "image/receiver_join.hpp"
#include "image/receiver_work.hpp"

namespace ballast::image {
namespace {

// After so many segments the source hears how far the destination has come.
constexpr std::uint64_t confirm_interval = 4;

}  // namespace

ImageReceiver::ImageReceiver(ReceiveOptions options, TransferControl& control)
    : options_{std::move(options)}, control_{control} {}

ImageReceiver::~ImageReceiver() = default;

Status ImageReceiver::run(ByteStream& stream, std::string& why) {
    work_ = std::make_unique<Work>(stream, control_);
    Status status = serve(why);
    if (status.fault() == Fault::connection_lost) {
        status = last_words(status, why);
    }
    work_->forget_unwritten();
    if (work_->read_back_ahead) {
        const DiskWork& disk = work_->read_back_ahead->work();
        report_.disk_bytes = disk.bytes;
        report_.disk_ns = static_cast<std::uint64_t>(disk.time.count());
    }
    if (!status.ok() && !work_->peer_gave_up) {
        work_->messages.send_failure(status.fault(), why);
    }
    return status;
}

// When an answer could not be sent any more, what has come is still of use to another attempt, and the source
// may have said why before it went.
Status ImageReceiver::last_words(Status status, std::string& why) {
    MessageType type{};
    std::span<const std::byte> body;
    std::string reason;
    while (
        (work_->ahead ? work_->ahead->next(type, body, reason) : work_->messages.receive(type, body, reason))
            .ok()) {
        if (type == MessageType::failure) {
            work_->peer_gave_up = true;
            return peer_failure(body, why);
        }
        const bool content = type == MessageType::segment || type == MessageType::zeros;
        bool ended = false;
        const Status taken = content ? take(type, body, ended, reason) : Status{};
        if (control_.cancelled || (!taken.ok() && taken.fault() != Fault::connection_lost)) {
            break;
        }
    }
    return status;
}

Status ImageReceiver::serve(std::string& why) {
    BALLAST_CHECK(greet(why));
    BALLAST_CHECK(offer_resume(why));
    work_->ahead.emplace(work_->messages);
    for (bool ended = false; !ended;) {
        MessageType type{};
        std::span<const std::byte> body;
        const auto begun = std::chrono::steady_clock::now();
        BALLAST_CHECK(work_->ahead->next(type, body, why));
        work_->starved += std::chrono::steady_clock::now() - begun;
        if (control_.cancelled) {
            why = "cancelled";
            return Err{Fault::cancelled};
        }
        BALLAST_CHECK(take(type, body, ended, why));
    }
    return {};
}

Status ImageReceiver::take(MessageType type, std::span<const std::byte> body, bool& ended, std::string& why) {
    switch (type) {
        case MessageType::keys: return take_keys(body, why);
        case MessageType::segment: return take_segment(body, why);
        case MessageType::zeros: return take_zeros(body, why);
        case MessageType::finish: ended = true; return take_finish(body, why);
        case MessageType::failure: work_->peer_gave_up = true; return peer_failure(body, why);
        case MessageType::hello:
        case MessageType::welcome:
        case MessageType::verified:
        case MessageType::matches:
        case MessageType::refused:
        case MessageType::confirmed:
        case MessageType::finished: break;
    }
    return source_violation("a message that only a destination sends", why);
}

Status ImageReceiver::take_keys(std::span<const std::byte> body, std::string& why) {
    const auto batch = decode_keys_head(body);
    if (!batch.ok()) {
        return source_violation("keys that make no sense", why);
    }
    const Keys& keys = batch.value();
    if (keys.count == 0) {
        work_->join.reset();
        return {};
    }
    if (!work_->join) {
        work_->join.emplace(work_->locals, keys.block_bytes, keys.code);
    }
    const std::span<Match> matches = std::span{work_->matches}.first(keys.count);
    if (!work_->join->same_pass(keys) || !work_->join->match(keys, matches).ok()) {
        return source_violation("keys that are not in order", why);
    }
    return work_->messages.send(
        MessageType::matches,
        [&](std::span<std::byte> out) { return encode_matches(matches, work_->welcome, out); }, why);
}

// Builds the segment in memory, and hashes it on the way. `readable` is false when a copy could not be made
// from a local image or from the new one: then the source must send it whole. Only a broken recipe or stream
// is a failure.
Status ImageReceiver::assemble(const Segment& segment, std::span<std::byte> content, bool& readable,
                               std::string& why) {
    constexpr const char* not_of_the_stream = "a segment that cannot be decompressed";
    const std::span<std::byte> recipe = std::span{work_->recipe_bytes}.first(segment.recipe_bytes);
    work_->decompressor.begin(segment.compressed);
    if (!work_->decompressor.fill(recipe).ok()) {
        return source_violation(not_of_the_stream, why);
    }
    const std::uint64_t start = segment.number * segment_bytes;
    const RecipeBounds bounds{.segment_offset = start,
                              .segment_length = static_cast<std::uint32_t>(content.size()),
                              .local_sizes = work_->local_sizes};
    if (!decode_recipe(recipe, bounds, work_->recipe).ok() ||
        work_->recipe.literal_bytes() != segment.literal_bytes) {
        return source_violation("a recipe that does not make its segment", why);
    }
    readable = true;
    work_->digester->begin_segment();
    std::size_t at = 0;
    std::size_t hashed = 0;
    for (const Run& run : work_->recipe.runs()) {
        const std::span<std::byte> into = content.subspan(at, run.length);
        switch (run.kind) {
            case RunKind::zero: std::memset(into.data(), 0, into.size()); break;
            case RunKind::literal:
                if (!work_->decompressor.fill(into).ok()) {
                    return source_violation(not_of_the_stream, why);
                }
                report_.literal_bytes += run.length;
                break;
            case RunKind::local:
                readable = work_->locals[run.local_image].read(run.source_offset, into) && readable;
                report_.copied_bytes += run.length;
                break;
            case RunKind::itself: readable = work_->read_itself(run, start, content, into) && readable; break;
        }
        at += run.length;
        for (; at - hashed >= digest_piece_bytes; hashed += digest_piece_bytes) {
            work_->digester->add_piece(content.subspan(hashed, digest_piece_bytes));
        }
    }
    work_->digester->add_piece(content.subspan(hashed));
    return work_->decompressor.at_end() ? Status{} : source_violation(not_of_the_stream, why);
}

Status ImageReceiver::take_segment(std::span<const std::byte> body, std::string& why) {
    const auto decoded = decode_segment(body);
    if (!decoded.ok() || decoded.value().number >= work_->journal.segments()) {
        return source_violation("a segment that is not of this image", why);
    }
    const Segment& segment = decoded.value();
    AlignedSegment& buffer = work_->read_back_ahead ? work_->read_back_ahead->buffer() : *work_->content;
    const std::span<std::byte> content =
        std::span{buffer.bytes}.first(segment_length(work_->hello.image_bytes, segment.number));
    bool readable = false;
    BALLAST_CHECK(assemble(segment, content, readable, why));
    if (!readable || work_->digester->end_segment(segment.number) != segment.digest) {
        ++report_.refused_segments;
        BALLAST_CHECK(work_->journal.forget(segment.number, why));
        const SegmentRange refused{.first = segment.number, .count = 1};
        return work_->messages.send(
            MessageType::refused, [&](std::span<std::byte> out) { return encode(refused, out); }, why);
    }
    if (work_->read_back_ahead) {
        BALLAST_CHECK(work_->read_back_ahead->result(why));
        work_->read_back_ahead->write(segment.number);
    } else {
        BALLAST_CHECK(work_->target.write(segment.number * segment_bytes, content, why));
    }
    work_->written[static_cast<std::size_t>(segment.number)] = true;
    BALLAST_CHECK(work_->journal.put(segment.number, segment.digest, why));
    return settle(1, why);
}

Status ImageReceiver::take_zeros(std::span<const std::byte> body, std::string& why) {
    const auto range = decode_range(body);
    const std::uint64_t segments = work_->journal.segments();
    if (!range.ok() || range.value().first > segments ||
        range.value().count > segments - range.value().first) {
        return source_violation("zeros beyond the image", why);
    }
    // No segments at all: the source asks how far we are.
    if (range.value().count == 0) {
        ++work_->questions;
        return confirm(why);
    }
    const std::uint64_t end = range.value().first + range.value().count;
    if (!work_->target.fresh()) {
        BALLAST_CHECK(work_->all_written(why));
        const std::uint64_t from = range.value().first * segment_bytes;
        const std::uint64_t to = std::min(end * segment_bytes, work_->hello.image_bytes);
        BALLAST_CHECK(work_->target.write_zeros(from, to - from, why));
    }
    for (std::uint64_t i = range.value().first; i < end; ++i) {
        const Digest digest = work_->digester->of_zeros(i, segment_length(work_->hello.image_bytes, i));
        // What was read back before is not there any more.
        if (work_->read_back_ahead && work_->written[static_cast<std::size_t>(i)]) {
            work_->read_back_ahead->forget(i);
        }
        work_->written[static_cast<std::size_t>(i)] = true;
        BALLAST_CHECK(work_->journal.put(i, digest, why));
    }
    return settle(range.value().count, why);
}

Status ImageReceiver::settle(std::uint64_t segments, std::string& why) {
    work_->settled += segments;
    control_.done_bytes =
        std::min((work_->settled + report_.resumed_segments) * segment_bytes, work_->hello.image_bytes);
    return work_->settled - work_->confirmed < confirm_interval ? Status{} : confirm(why);
}

Status ImageReceiver::confirm(std::string& why) {
    work_->confirmed = work_->settled;
    const Progress confirmed{
        .answered = work_->questions,
        .settled = work_->settled,
        .starved_ns = static_cast<std::uint64_t>(std::chrono::nanoseconds{work_->starved}.count())};
    return work_->messages.send(
        MessageType::confirmed, [&](std::span<std::byte> out) { return encode(confirmed, out); }, why);
}

bool ImageReceiver::rereads(std::uint64_t segment) const noexcept {
    switch (options_.reread) {
        case Reread::nothing: return false;
        case Reread::written: return work_->written[static_cast<std::size_t>(segment)];
        case Reread::all: return options_.last_round;
    }
    return true;
}

// The digest of all digests: of those in the journal, each checked against what is on the disk if so wanted.
Status ImageReceiver::image_digest(Digest& digest, std::string& why) {
    Digester whole{work_->hello.key};
    whole.begin_image(work_->hello.image_bytes);
    Extent hole;
    for (std::uint64_t i = 0; i < work_->journal.segments(); ++i) {
        Digest claimed{};
        Digest actual{};
        bool known = false;
        BALLAST_CHECK(work_->journal.get(i, claimed, known, why));
        if (!known) {
            return source_violation("it ended before every segment had come", why);
        }
        if (rereads(i) && !(work_->read_back_ahead && work_->read_back_ahead->proven(i))) {
            BALLAST_CHECK(work_->read_back(i, hole, actual, why));
            if (actual != claimed) {
                BALLAST_CHECK(work_->journal.forget(i, why));
                return content_failure(options_.target,
                                       "segment " + std::to_string(i) +
                                           " does not read back as it was written: the disk may be failing",
                                       Fault::image_corrupt, why);
            }
        }
        whole.add_segment(claimed);
    }
    digest = whole.end_image();
    return {};
}

Status ImageReceiver::take_finish(std::span<const std::byte> body, std::string& why) {
    const auto announced = decode_digest(body);
    if (!announced.ok()) {
        return source_violation("an end that makes no sense", why);
    }
    BALLAST_CHECK(work_->all_written(why));
    BALLAST_CHECK(work_->target.sync(why));
    if (options_.reread != Reread::nothing) {
        work_->target.drop_cache();
    }
    Digest digest{};
    BALLAST_CHECK(image_digest(digest, why));
    if (digest != announced.value()) {
        return content_failure(options_.target,
                               "the whole image does not verify: its segments do not all "
                               "belong to one image",
                               Fault::image_corrupt, why);
    }
    if (options_.last_round) {
        BALLAST_CHECK(work_->journal.remove(why));
    }
    control_.done_bytes = work_->hello.image_bytes;
    return work_->messages.send(
        MessageType::finished, [&](std::span<std::byte> out) { return encode(digest, out); }, why);
}

}  // namespace ballast::image
