#include "image/core/transfer_messages.hpp"

#include <algorithm>
#include <bit>
#include <limits>

#include "base/assert.hpp"
#include "image/core/bytes.hpp"
#include "image/core/grid.hpp"

namespace ballast::image {
namespace {

constexpr std::uint64_t transfer_magic = 0x31474d4954534c42;  // "BLSTIMG1"
// Block numbers of 32 bits, blocks of 4096 bytes.
constexpr std::uint64_t image_bytes_max = blocks_max * block_bytes_default;

constexpr Err<Fault> violation{Fault::protocol_violation};

template <std::size_t n>
void get_bytes(FieldReader& in, std::array<std::byte, n>& out) noexcept {
    const auto bytes = in.take(n);
    std::copy(bytes.begin(), bytes.end(), out.begin());
}

std::size_t checked(const FieldWriter& out) noexcept {
    BALLAST_ASSERT(out.ok());
    return out.used();
}

bool ended_well(const FieldReader& in) noexcept {
    return in.ok() && in.left() == 0;
}

unsigned image_bits(const Welcome& offers) noexcept {
    return static_cast<unsigned>(std::bit_width(offers.locals.empty() ? 0 : offers.locals.size() - 1));
}
unsigned offset_bits(const LocalOffer& local) noexcept {
    return static_cast<unsigned>(std::bit_width(local.image_bytes / sector_bytes));
}

}  // namespace

void encode(const FrameHead& head, std::span<std::byte, frame_header_bytes> out) noexcept {
    FieldWriter fields{out};
    fields.put(head.body_bytes + 1);
    fields.put(head.type);
}

Result<FrameHead> decode_frame_head(std::span<const std::byte, frame_header_bytes> bytes) noexcept {
    FieldReader fields{bytes};
    const auto length = fields.get<std::uint32_t>();
    const auto type = fields.get<std::uint8_t>();
    if (length == 0 || length > message_bytes_max || type < static_cast<std::uint8_t>(MessageType::hello) ||
        type > static_cast<std::uint8_t>(MessageType::failure)) {
        return violation;
    }
    return FrameHead{.type = static_cast<MessageType>(type), .body_bytes = length - 1};
}

std::size_t encode(const Hello& message, std::span<std::byte> out) noexcept {
    FieldWriter fields{out};
    fields.put(transfer_magic);
    fields.put(message.version);
    fields.put(std::span<const std::byte>{message.transfer});
    fields.put(std::span<const std::byte>{message.key});
    fields.put(message.image_bytes);
    fields.put(message.data_bytes);
    fields.put(message.segment);
    return checked(fields);
}

Result<Hello> decode_hello(std::span<const std::byte> body) noexcept {
    FieldReader in{body};
    if (in.get<std::uint64_t>() != transfer_magic) {
        return violation;
    }
    Hello message;
    message.version = in.get<std::uint32_t>();
    if (in.ok() && message.version != transfer_version) {
        return Err{Fault::version_mismatch};
    }
    get_bytes(in, message.transfer);
    get_bytes(in, message.key);
    message.image_bytes = in.get<std::uint64_t>();
    message.data_bytes = in.get<std::uint64_t>();
    message.segment = in.get<std::uint32_t>();
    if (!ended_well(in) || message.image_bytes > image_bytes_max || message.segment != segment_bytes) {
        return violation;
    }
    return message;
}

std::size_t encode(const Welcome& message, std::span<std::byte> out) noexcept {
    FieldWriter fields{out};
    fields.put(transfer_magic);
    fields.put(message.version);
    fields.put(static_cast<std::uint8_t>(message.locals.size()));
    for (const LocalOffer& local : message.locals) {
        fields.put(local.image_bytes);
        fields.put(local.blocks);
        fields.put(local.sectors);
    }
    return checked(fields);
}

Status decode_welcome(std::span<const std::byte> body, Welcome& out) noexcept {
    FieldReader in{body};
    if (in.get<std::uint64_t>() != transfer_magic) {
        return violation;
    }
    out.version = in.get<std::uint32_t>();
    if (in.ok() && out.version != transfer_version) {
        return Err{Fault::version_mismatch};
    }
    const auto count = in.get<std::uint8_t>();
    if (count > local_images_max) {
        return violation;
    }
    for (std::size_t i = 0; i < count; ++i) {
        LocalOffer local;
        local.image_bytes = in.get<std::uint64_t>();
        local.blocks = in.get<std::uint64_t>();
        local.sectors = in.get<std::uint64_t>();
        if (local.image_bytes > image_bytes_max || local.blocks > blocks_max || local.sectors > blocks_max) {
            return violation;
        }
        out.locals.push(local);
    }
    return ended_well(in) ? Status{} : Status{violation};
}

std::size_t encode(const Verified& message, std::span<std::byte> out) noexcept {
    FieldWriter fields{out};
    fields.put(message.first);
    fields.put(message.digests);
    return checked(fields);
}

Result<Verified> decode_verified(std::span<const std::byte> body) noexcept {
    FieldReader in{body};
    Verified message;
    message.first = in.get<std::uint64_t>();
    message.digests = in.take(in.left());
    if (!in.ok() || message.digests.size() % sizeof(Digest) != 0 ||
        message.digests.size() / sizeof(Digest) > verified_digests_max) {
        return violation;
    }
    return message;
}

std::size_t encode(const Keys& message, std::span<std::byte> out) noexcept {
    FieldWriter fields{out};
    fields.put(message.block_bytes);
    fields.put(static_cast<std::uint8_t>(message.code.key_bits));
    fields.put(static_cast<std::uint8_t>(message.code.rice_bits));
    fields.put(message.count);
    fields.put(message.bits);
    return checked(fields);
}

Result<Keys> decode_keys_head(std::span<const std::byte> body) noexcept {
    FieldReader in{body};
    Keys message;
    message.block_bytes = in.get<std::uint32_t>();
    message.code.key_bits = in.get<std::uint8_t>();
    message.code.rice_bits = in.get<std::uint8_t>();
    message.count = in.get<std::uint32_t>();
    message.bits = in.take(in.left());
    if (!in.ok() || !valid(message.code) || message.count > batch_keys_max ||
        message.bits.size() > batch_bytes_max ||
        (message.block_bytes != sector_bytes && message.block_bytes != block_bytes_default)) {
        return violation;
    }
    return message;
}

std::size_t encode_matches(std::span<const Match> matches, const Welcome& offers,
                           std::span<std::byte> out) noexcept {
    BitWriter bits{out};
    for (const Match& match : matches) {
        bits.put(match.found ? 1 : 0, 1);
        if (match.found) {
            bits.put(match.local_image, image_bits(offers));
            bits.put(match.offset / sector_bytes, offset_bits(offers.locals[match.local_image]));
        }
    }
    const std::size_t used = bits.finish();
    BALLAST_ASSERT(bits.ok());
    return used;
}

Status decode_matches(std::span<const std::byte> body, const Welcome& offers, std::span<Match> out) noexcept {
    BitReader bits{body};
    for (Match& match : out) {
        match = {.found = bits.get(1) == 1};
        if (match.found) {
            match.local_image = static_cast<std::uint8_t>(bits.get(image_bits(offers)));
            if (match.local_image >= offers.locals.size()) {
                return violation;
            }
            const LocalOffer& local = offers.locals[match.local_image];
            match.offset = bits.get(offset_bits(local)) * sector_bytes;
            if (match.offset >= local.image_bytes) {
                return violation;
            }
        }
    }
    return bits.ok() ? Status{} : Status{violation};
}

std::size_t encode(const Segment& message, std::span<std::byte> out) noexcept {
    FieldWriter fields{out};
    fields.put(message.number);
    fields.put(std::span<const std::byte>{message.digest});
    fields.put(message.recipe_bytes);
    fields.put(message.literal_bytes);
    fields.put(message.compressed);
    return checked(fields);
}

Result<Segment> decode_segment(std::span<const std::byte> body) noexcept {
    FieldReader in{body};
    Segment message;
    message.number = in.get<std::uint64_t>();
    get_bytes(in, message.digest);
    message.recipe_bytes = in.get<std::uint32_t>();
    message.literal_bytes = in.get<std::uint32_t>();
    message.compressed = in.take(in.left());
    if (!in.ok() || message.recipe_bytes > recipe_bytes_max || message.literal_bytes > segment_bytes) {
        return violation;
    }
    return message;
}

std::size_t encode(const SegmentRange& message, std::span<std::byte> out) noexcept {
    FieldWriter fields{out};
    fields.put(message.first);
    fields.put(message.count);
    return checked(fields);
}

Result<SegmentRange> decode_range(std::span<const std::byte> body) noexcept {
    FieldReader in{body};
    SegmentRange message;
    message.first = in.get<std::uint64_t>();
    message.count = in.get<std::uint64_t>();
    if (!ended_well(in) || message.first > image_bytes_max || message.count > image_bytes_max) {
        return violation;
    }
    return message;
}

std::size_t encode(const Progress& message, std::span<std::byte> out) noexcept {
    FieldWriter fields{out};
    fields.put(message.answered);
    fields.put(message.settled);
    fields.put(message.starved_ns);
    return checked(fields);
}

Result<Progress> decode_progress(std::span<const std::byte> body) noexcept {
    FieldReader in{body};
    Progress message;
    message.answered = in.get<std::uint64_t>();
    message.settled = in.get<std::uint64_t>();
    message.starved_ns = in.get<std::uint64_t>();
    if (!ended_well(in) || message.settled > image_bytes_max ||
        message.starved_ns > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
        return violation;
    }
    return message;
}

std::size_t encode(const Digest& message, std::span<std::byte> out) noexcept {
    FieldWriter fields{out};
    fields.put(std::span<const std::byte>{message});
    return checked(fields);
}

Result<Digest> decode_digest(std::span<const std::byte> body) noexcept {
    FieldReader in{body};
    Digest digest{};
    get_bytes(in, digest);
    if (!ended_well(in)) {
        return violation;
    }
    return digest;
}

std::size_t encode(const Failure& message, std::span<std::byte> out) noexcept {
    FieldWriter fields{out};
    fields.put(message.fault);
    fields.put(std::as_bytes(std::span{message.reason.view()}));
    return checked(fields);
}

Result<Failure> decode_failure(std::span<const std::byte> body) noexcept {
    FieldReader in{body};
    Failure message;
    message.fault = static_cast<Fault>(in.get<std::uint8_t>());
    if (!in.ok() || message.fault == Fault::none || to_string(message.fault) == "unknown") {
        return violation;
    }
    const auto reason = in.take(std::min(in.left(), message.reason.capacity()));
    for (const std::byte byte : reason) {
        const char letter = static_cast<char>(byte);
        const bool plain = letter >= 0x20 && letter != 0x7f;
        message.reason.append_cut(std::string_view{plain ? &letter : "?", 1});
    }
    return message;
}

}  // namespace ballast::image
