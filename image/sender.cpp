#include "image/sender.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "image/failure.hpp"
#include "image/sender_work.hpp"

namespace ballast::image {
namespace {

// Segments of zeros that one message may stand for, so that progress is seen.
constexpr std::uint64_t zeros_at_once_max = 4096;

}  // namespace

ImageSender::ImageSender(SendOptions options, TransferControl& control)
    : options_{std::move(options)}, control_{control} {}

ImageSender::~ImageSender() = default;

Status ImageSender::run(ByteStream& stream, std::string& why) {
    report_ = {};
    work_ = std::make_unique<Work>(stream, control_, options_);
    Status status = converse(why);
    if (status.fault() == Fault::connection_lost && work_->replies) {
        status = last_words(status, why);
    }
    if (!status.ok() && !(work_->replies && work_->replies->peer_gave_up())) {
        work_->messages.send_failure(status.fault(), why);
    }
    work_.reset();
    return status;
}

// When a message could not be sent any more, the other side may have said why before it went.
Status ImageSender::last_words(Status status, std::string& why) {
    Reply reply;
    bool got = true;
    std::string reason;
    while (got) {
        const Status heard = work_->replies->next(true, reply, got, reason);
        if (work_->replies->peer_gave_up()) {
            why = reason;
            return heard;
        }
    }
    return status;
}

Status ImageSender::converse(std::string& why) {
    BALLAST_CHECK(open(why));
    BALLAST_CHECK(greet(why));
    work_->replies = std::make_unique<ReplyReader>(work_->messages);
    if (options_.match_blocks) {
        BALLAST_CHECK(find_blocks(why));
        BALLAST_CHECK(find_sectors(why));
    }
    BALLAST_CHECK(send_segments(why));
    return finish(why);
}

Status ImageSender::open(std::string& why) {
    Work& work = *work_;
    work.index = IndexFile::open(options_.index, why);
    if (!work.index) {
        return Err{Fault::not_found};
    }
    const IndexHeader& header = work.index->header();
    if (header.levels[0].block_bytes != block_bytes_default) {
        return content_failure(options_.index, "an index of blocks of 4096 bytes is needed for a transfer",
                               Fault::unsupported, why);
    }
    work.source = open_image(options_.image, options_.format, why);
    if (!work.source) {
        return Err{Fault::io_failed};
    }
    work.image_bytes = work.source->size_bytes();
    work.blocks = header.grid(0).value();
    const auto sectors = Grid::make(header.image.size_bytes, sector_bytes, header.starts);
    if (sectors.ok()) {
        work.sectors = sectors.value();
    }
    work.resent.resize(segments_of(work.image_bytes));
    // Without fingerprints of what was seen there would be none to remember.
    const bool usable =
        options_.seen != nullptr &&
        (options_.sent_blocks.empty() || options_.seen->options().block_seed == options_.block_seed);
    work.seen = usable ? options_.seen : nullptr;
    report_.image_bytes = work.image_bytes;
    control_.image_bytes = work.image_bytes;
    BALLAST_CHECK(work.digests.open_temporary(options_.work_prefix + "digests", work.image_bytes, why));
    BALLAST_CHECK(work.there.open_temporary(options_.work_prefix + "there", work.image_bytes, why));
    BALLAST_CHECK(work.sent_blocks.open(options_.sent_blocks, options_.block_seed, why));
    BALLAST_CHECK(work.block_placements.create(options_.work_prefix + "blocks", why));
    BALLAST_CHECK(work.sector_entries.create(options_.work_prefix + "sectors", why));
    return work.sector_placements.create(options_.work_prefix + "placed", why);
}

Status ImageSender::greet(std::string& why) {
    Work& work = *work_;
    const Hello hello{.transfer = options_.transfer,
                      .key = options_.key,
                      .image_bytes = work.image_bytes,
                      .data_bytes = work.index->header().levels[0].entries * block_bytes_default};
    BALLAST_CHECK(work.messages.send(
        MessageType::hello, [&](std::span<std::byte> out) { return encode(hello, out); }, why));
    bool welcomed = false;
    while (true) {
        MessageType type{};
        std::span<const std::byte> body;
        BALLAST_CHECK(work.messages.receive(type, body, why));
        if (type == MessageType::failure) {
            return peer_failure(body, why);
        }
        if (type == MessageType::welcome && !welcomed) {
            welcomed = true;
            const Status status = decode_welcome(body, work.offers);
            if (!status.ok()) {
                why = "the destination speaks another version of the transfer, or no sense";
                return status;
            }
            continue;
        }
        const auto verified = type == MessageType::verified && welcomed
                                  ? decode_verified(body)
                                  : Result<Verified>{Err{Fault::protocol_violation}};
        const std::uint64_t count = verified.ok() ? verified.value().digests.size() / sizeof(Digest) : 0;
        const std::uint64_t segments = work.there.segments();
        if (!verified.ok() || verified.value().first > segments ||
            count > segments - verified.value().first) {
            return destination_violation("its welcome makes no sense", why);
        }
        if (count == 0) {
            return {};
        }
        for (std::uint64_t i = 0; i < count; ++i) {
            Digest digest{};
            std::memcpy(digest.data(), verified.value().digests.data() + i * digest.size(), digest.size());
            BALLAST_CHECK(work.there.put(verified.value().first + i, digest, why));
        }
    }
}

Status ImageSender::find_blocks(std::string& why) {
    Work& work = *work_;
    std::uint64_t among = 0;
    for (const LocalOffer& local : work.offers.locals) {
        among += local.blocks;
    }
    const MatchPass pass{.messages = work.messages,
                         .replies = *work.replies,
                         .offers = work.offers,
                         .grid = *work.blocks,
                         .code = key_code_for(work.index->header().levels[0].distinct, among),
                         .cancelled = control_.cancelled};
    Sorter by_offset{options_.work_prefix + "run-", options_.sort_bytes};
    IndexEntries ask{*work.index, 0};
    IndexEntries again{*work.index, 0};
    std::uint64_t found = 0;
    const auto place = [&](const Placement& placement, std::string& reason) {
        const Entry entry = pack(placement);
        return by_offset.add({&entry, 1}, reason);
    };
    BALLAST_CHECK(run_match_pass(pass, ask, again, place, found, why));
    return work.block_placements.append_all(by_offset, why);
}

Status ImageSender::send_segments(std::string& why) {
    Work& work = *work_;
    work.placements = work.placed();
    work.reader = std::make_unique<SegmentReader>(
        *work.source, options_.key, work.image_bytes,
        SegmentReader::Known{.seen = work.seen, .placements = work.placed(), .there = &work.there});
    for (std::uint64_t i = 0; i < segments_of(work.image_bytes); ++i) {
        if (control_.cancelled) {
            why = "cancelled";
            return Err{Fault::cancelled};
        }
        BALLAST_CHECK(send_next(why));
        BALLAST_CHECK(hear(false, why));
        while (work.sent - work.settled >= segments_under_way_max) {
            BALLAST_CHECK(resend_refused(why));
            BALLAST_CHECK(hear(true, why));
        }
    }
    return flush_zeros(why);
}

// The next segment of the image, unless the destination has it already.
Status ImageSender::send_next(std::string& why) {
    Work& work = *work_;
    ReadSegment* read = nullptr;
    BALLAST_CHECK(work.reader->next(read, why));
    const std::uint64_t number = read->number;
    BALLAST_CHECK(work.digests.put(number, read->digest, why));
    Digest known{};
    bool is_there = false;
    BALLAST_CHECK(work.there.get(number, known, is_there, why));
    if (is_there && known == read->digest) {
        ++report_.skipped_segments;
        return remember_skipped(*read, why);
    }
    if (!read->zero) {
        return send_segment(*read, false, why);
    }
    ++report_.zero_segments;
    BALLAST_CHECK(work.sent_blocks.forget(number, why));
    const bool joins = work.zeros.count > 0 && work.zeros.first + work.zeros.count == number;
    if (!joins || work.zeros.count == zeros_at_once_max) {
        BALLAST_CHECK(flush_zeros(why));
        work.zeros = {.first = number, .count = 0};
    }
    ++work.zeros.count;
    return {};
}

Status ImageSender::send_segment(ReadSegment& read, bool whole, std::string& why) {
    Work& work = *work_;
    const std::uint64_t number = read.number;
    const std::span<const std::byte> content =
        std::span{read.bytes}.first(segment_length(work.image_bytes, number));
    BALLAST_CHECK(flush_zeros(why));
    Digest known{};
    bool is_there = false;
    BALLAST_CHECK(work.there.get(number, known, is_there, why));
    const bool known_blocks = is_there && !whole && work.sent_blocks.load(number, known);
    if (known_blocks && !read.has_content) {
        BALLAST_CHECK(read_now(read, why));
    }
    if (whole) {
        work.compose_literal(number, content);
    } else if (known_blocks) {
        work.compose_changes(number, content);
    } else {
        BALLAST_CHECK(work.compose_recipe(read, why));
        if (!read.has_content) {
            BALLAST_CHECK(check_literals(read, why));
        }
    }
    BALLAST_CHECK(remember(read, why));
    for (const Run& run : work.recipe.runs()) {
        report_.copied_bytes += run.kind == RunKind::local ? run.length : 0;
        report_.repeated_bytes += run.kind == RunKind::itself ? run.length : 0;
    }
    const auto literals = work.gather_literals(content);
    const std::size_t recipe_bytes = encode(work.recipe, work.recipe_bytes);
    const auto begun = std::chrono::steady_clock::now();
    const std::size_t packed =
        work.compressor.compress(std::span{work.recipe_bytes}.first(recipe_bytes), literals, work.packed);
    report_.literal_bytes += work.recipe.literal_bytes();
    report_.compressed_bytes += packed;
    work.sent += whole ? 0 : 1;
    const Segment segment{.number = number,
                          .digest = read.digest,
                          .recipe_bytes = static_cast<std::uint32_t>(recipe_bytes),
                          .literal_bytes = work.recipe.literal_bytes(),
                          .compressed = std::span{work.packed}.first(packed)};
    const auto compressed = std::chrono::steady_clock::now();
    BALLAST_CHECK(work.messages.send(
        MessageType::segment, [&](std::span<std::byte> out) { return encode(segment, out); }, why));
    adapt_level(compressed - begun, std::chrono::steady_clock::now() - compressed);
    return {};
}

void ImageSender::adapt_level(std::chrono::nanoseconds compressing, std::chrono::nanoseconds sending) {
    Effort& effort = work_->effort;
    if (options_.adapt_level && effort.changes(compressing.count(), sending.count(), work_->starved_ns)) {
        work_->compressor.change_level(effort.strong() ? std::max(options_.zstd_level, zstd_level_strong)
                                                       : options_.zstd_level);
        report_.compressed_harder = true;
    }
}

Status ImageSender::flush_zeros(std::string& why) {
    Work& work = *work_;
    if (work.zeros.count == 0) {
        return {};
    }
    const SegmentRange zeros = work.zeros;
    work.sent += zeros.count;
    work.zeros = {};
    return work.messages.send(
        MessageType::zeros, [&](std::span<std::byte> out) { return encode(zeros, out); }, why);
}

Status ImageSender::finish(std::string& why) {
    Work& work = *work_;
    BALLAST_CHECK(settle_all(why));
    Digester whole{options_.key};
    whole.begin_image(work.image_bytes);
    for (std::uint64_t i = 0; i < work.digests.segments(); ++i) {
        Digest digest{};
        bool known = false;
        BALLAST_CHECK(work.digests.get(i, digest, known, why));
        whole.add_segment(digest);
    }
    const Digest digest = whole.end_image();
    BALLAST_CHECK(work.messages.send(
        MessageType::finish, [&](std::span<std::byte> out) { return encode(digest, out); }, why));
    while (!work.finished) {
        BALLAST_CHECK(hear(true, why));
    }
    control_.done_bytes = work.image_bytes;
    return {};
}

}  // namespace ballast::image
