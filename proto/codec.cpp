#include "proto/codec.hpp"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include <algorithm>
#include <optional>
#include <tuple>

#include "proto/convert.hpp"

namespace ballast::wire {
namespace {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;
using google::protobuf::io::CodedOutputStream;

// A kind of message: its number in the schema's `oneof`, its plain struct, and one protobuf object that is
// used again and again. (Inside a schema::Message, the `oneof` would free and allocate the object with every
// frame.)
template <class PlainType, class ObjectType, int field_number>
struct Body {
    using Plain = PlainType;
    static constexpr int number = field_number;
    ObjectType object;
};

#define BALLAST_BODY(name) Body<name, schema::name, schema::Message::k##name##FieldNumber>
using Bodies = std::tuple<
    BALLAST_BODY(Hello), BALLAST_BODY(HelloReply), BALLAST_BODY(HostReport), BALLAST_BODY(SampleReport),
    BALLAST_BODY(JobOrder), BALLAST_BODY(JobCancel), BALLAST_BODY(JobAck), BALLAST_BODY(JobUpdate),
    BALLAST_BODY(HandoverQuery), BALLAST_BODY(HandoverAnswer), BALLAST_BODY(MigrationOpen),
    BALLAST_BODY(MigrationAccept), BALLAST_BODY(MigrationEnd), BALLAST_BODY(MigrationReady),
    BALLAST_BODY(MigrationCommit), BALLAST_BODY(MigrationStarted), BALLAST_BODY(MigrationAborted),
    BALLAST_BODY(MigrationAsk), BALLAST_BODY(MigrationVerdict), BALLAST_BODY(RelayOpen),
    BALLAST_BODY(RelayClose), BALLAST_BODY(RelayStatus), BALLAST_BODY(GuestNote), BALLAST_BODY(GuestSignal),
    BALLAST_BODY(StoreProbe), BALLAST_BODY(StoreAnswer), BALLAST_BODY(JobLimit), BALLAST_BODY(MigrationImage),
    BALLAST_BODY(ImageSketch), BALLAST_BODY(Ping), BALLAST_BODY(Pong)>;
#undef BALLAST_BODY
static_assert(std::tuple_size_v<Bodies> + 1 == std::variant_size_v<Message>, "every message has a body");

constexpr int chunk_number = schema::Message::kMigrationChunkFieldNumber;

constexpr std::uint32_t tag_of(int number) noexcept {
    return WireFormatLite::MakeTag(number, WireFormatLite::WIRETYPE_LENGTH_DELIMITED);
}

constexpr std::uint32_t chunk_data_tag = tag_of(schema::MigrationChunk::kDataFieldNumber);
constexpr std::uint32_t chunk_compression_tag =
    WireFormatLite::MakeTag(schema::MigrationChunk::kCompressionFieldNumber, WireFormatLite::WIRETYPE_VARINT);
constexpr std::uint32_t chunk_plain_bytes_tag =
    WireFormatLite::MakeTag(schema::MigrationChunk::kPlainBytesFieldNumber, WireFormatLite::WIRETYPE_VARINT);

const std::uint8_t* bytes_of(std::span<const std::byte> bytes) noexcept {
    return reinterpret_cast<const std::uint8_t*>(bytes.data());
}

// Reads a length and that many bytes; nothing when fewer are left.
std::optional<std::span<const std::byte>> read_bytes(CodedInputStream& input,
                                                     std::span<const std::byte> whole) {
    std::uint32_t length = 0;
    if (!input.ReadVarint32(&length)) {
        return std::nullopt;
    }
    const auto at = static_cast<std::size_t>(input.CurrentPosition());
    if (length > whole.size() - at || !input.Skip(static_cast<int>(length))) {
        return std::nullopt;
    }
    return whole.subspan(at, length);
}

// Reads the chunk without copying its data, which is why it does not go through a protobuf object.
bool read_chunk(std::span<const std::byte> bytes, Chunk& chunk) {
    CodedInputStream input{bytes_of(bytes), static_cast<int>(bytes.size())};
    std::uint32_t compression = 0;
    while (const std::uint32_t tag = input.ReadTag()) {
        bool read = false;
        if (tag == chunk_data_tag) {
            const auto data = read_bytes(input, bytes);
            read = data.has_value();
            chunk.data = data.value_or(chunk.data);
        } else if (tag == chunk_compression_tag) {
            read = input.ReadVarint32(&compression);
        } else if (tag == chunk_plain_bytes_tag) {
            read = input.ReadVarint32(&chunk.plain_bytes);
        } else {
            read = WireFormatLite::SkipField(&input, tag);
        }
        if (!read) {
            return false;
        }
    }
    if (!input.ConsumedEntireMessage() || compression > UINT8_MAX) {
        return false;
    }
    chunk.compression = static_cast<Compression>(compression);
    return known(chunk.compression) && chunk.plain_bytes <= chunk_plain_bytes_max &&
           (chunk.compression != Compression::none || chunk.plain_bytes == chunk.data.size());
}

std::size_t varint_bytes(std::size_t value) noexcept {
    return CodedOutputStream::VarintSize32(static_cast<std::uint32_t>(value));
}

// The frame's length, then what protobuf puts before the body inside a schema::Message.
std::uint8_t* put_frame_start(std::size_t payload_bytes, int number, std::size_t body_bytes,
                              std::uint8_t* at) noexcept {
    at = CodedOutputStream::WriteLittleEndian32ToArray(static_cast<std::uint32_t>(payload_bytes), at);
    at = CodedOutputStream::WriteVarint32ToArray(tag_of(number), at);
    return CodedOutputStream::WriteVarint32ToArray(static_cast<std::uint32_t>(body_bytes), at);
}

template <class Object>
Status append_frame(int number, const Object& object, std::size_t frame_bytes_max, std::string& out) {
    const std::size_t body_bytes = object.ByteSizeLong();
    const std::size_t payload_bytes = varint_bytes(tag_of(number)) + varint_bytes(body_bytes) + body_bytes;
    if (payload_bytes > frame_bytes_max) {
        return Err{Fault::limit_reached};
    }
    const std::size_t before = out.size();
    out.resize(before + frame_header_bytes + payload_bytes);
    auto* const start = reinterpret_cast<std::uint8_t*>(out.data() + before);
    object.SerializeWithCachedSizesToArray(put_frame_start(payload_bytes, number, body_bytes, start));
    return {};
}

// Protobuf prints to standard error what it thinks of hostile input; the Status says it already.
void silence_protobuf() noexcept {
    [[maybe_unused]] static const auto previous = google::protobuf::SetLogHandler(nullptr);
}

}  // namespace

struct Codec::Objects {
    Bodies bodies;

    static bool knows(int number) noexcept {
        return []<class... Each>(std::tuple<Each...>*, int wanted) {
            return ((Each::number == wanted) || ...);
        }(static_cast<Bodies*>(nullptr), number);
    }

    // REQUIRES: knows(number). False when the body is not what it must be.
    bool read_body(int number, std::span<const std::byte> bytes, Message& out) {
        bool fits = false;
        const auto read_if_wanted = [&](auto& body) {
            if (body.number == number) {
                using Plain = typename std::remove_reference_t<decltype(body)>::Plain;
                fits = body.object.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) &&
                       read(body.object, out.emplace<Plain>());
            }
        };
        std::apply([&](auto&... body) { (read_if_wanted(body), ...); }, bodies);
        return fits;
    }
};

Result<std::size_t> frame_length(std::span<const std::byte> received, std::size_t frame_bytes_max) noexcept {
    if (received.size() < frame_header_bytes) {
        return std::size_t{0};
    }
    std::uint32_t payload_bytes = 0;
    CodedInputStream::ReadLittleEndian32FromArray(bytes_of(received), &payload_bytes);
    if (payload_bytes == 0 || payload_bytes > frame_bytes_max) {
        return Err{Fault::protocol_violation};
    }
    return frame_header_bytes + payload_bytes;
}

Codec::Codec() : objects_{std::make_unique<Objects>()} {
    silence_protobuf();
}
Codec::~Codec() = default;

Status Codec::decode(std::span<const std::byte> payload, Message& out, Chunk& chunk) noexcept {
    out.emplace<std::monostate>();
    chunk = {};
    CodedInputStream input{bytes_of(payload), static_cast<int>(payload.size())};
    bool found = false;
    while (const std::uint32_t tag = input.ReadTag()) {
        const int number = WireFormatLite::GetTagFieldNumber(tag);
        if (number == 0) {
            return Err{Fault::protocol_violation};
        }
        if (tag != tag_of(number) || !(number == chunk_number || Objects::knows(number))) {
            if (!WireFormatLite::SkipField(&input, tag)) {
                return Err{Fault::protocol_violation};
            }
            continue;
        }
        const auto bytes = read_bytes(input, payload);
        if (!bytes || found) {
            return Err{Fault::protocol_violation};
        }
        found = true;
        if (!(number == chunk_number ? read_chunk(*bytes, chunk)
                                     : objects_->read_body(number, *bytes, out))) {
            return Err{Fault::protocol_violation};
        }
    }
    return input.ConsumedEntireMessage() ? Status{} : Err{Fault::protocol_violation};
}

Status Codec::encode(const Message& message, std::size_t frame_bytes_max, std::string& out) {
    BALLAST_ASSERT(!std::holds_alternative<std::monostate>(message));
    Status status;
    const auto encode_if_held = [&](auto& body) {
        using Plain = typename std::remove_reference_t<decltype(body)>::Plain;
        if (const auto* plain = std::get_if<Plain>(&message)) {
            status = write(*plain, body.object) ? append_frame(body.number, body.object, frame_bytes_max, out)
                                                : Status{Err{Fault::invalid_argument}};
        }
    };
    std::apply([&](auto&... body) { (encode_if_held(body), ...); }, objects_->bodies);
    return status;
}

Status Codec::encode(const Chunk& chunk, std::size_t frame_bytes_max, std::string& out) {
    const ChunkHead head = BALLAST_TRY(encode_chunk_head(chunk, frame_bytes_max));
    out.append(head.bytes.data(), head.size);
    out.append(reinterpret_cast<const char*>(chunk.data.data()), chunk.data.size());
    return {};
}

Result<ChunkHead> encode_chunk_head(const Chunk& chunk, std::size_t frame_bytes_max) noexcept {
    const bool packed = chunk.compression != Compression::none;
    const std::size_t plain_bytes = packed ? chunk.plain_bytes : chunk.data.size();
    if (!known(chunk.compression) || plain_bytes > chunk_plain_bytes_max) {
        return Err{Fault::invalid_argument};
    }
    if (chunk.data.size() + chunk_head_bytes_max > frame_bytes_max) {
        return Err{Fault::limit_reached};
    }
    // The small fields go first, so that the data, wherever it lies, can follow as the last bytes of the
    // frame.
    std::array<std::uint8_t, 16> fields{};
    std::uint8_t* end = fields.data();
    const auto put_number = [&end](std::uint32_t tag, std::size_t value) {
        end = CodedOutputStream::WriteVarint32ToArray(tag, end);
        end = CodedOutputStream::WriteVarint32ToArray(static_cast<std::uint32_t>(value), end);
    };
    if (packed) {
        put_number(chunk_compression_tag, static_cast<std::size_t>(chunk.compression));
    }
    put_number(chunk_plain_bytes_tag, plain_bytes);
    put_number(chunk_data_tag, chunk.data.size());
    const auto field_bytes = static_cast<std::size_t>(end - fields.data());
    const std::size_t body_bytes = field_bytes + chunk.data.size();
    const std::size_t payload_bytes =
        varint_bytes(tag_of(chunk_number)) + varint_bytes(body_bytes) + body_bytes;

    ChunkHead head;
    auto* const start = reinterpret_cast<std::uint8_t*>(head.bytes.data());
    std::uint8_t* at = put_frame_start(payload_bytes, chunk_number, body_bytes, start);
    at = std::copy(fields.data(), end, at);
    head.size = static_cast<std::size_t>(at - start);
    return head;
}

}  // namespace ballast::wire
