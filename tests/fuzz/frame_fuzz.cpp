// Bytes as a hostile peer could send them: a stream of frames. Whatever is accepted must be sayable again,
// and must then say the same.
#include <cstdint>
#include <string>

#include "base/assert.hpp"
#include "proto/codec.hpp"

namespace {

using namespace ballast;

// Twice, through fresh bytes: one frame, its message, the frame of that message, its message.
void check_message(wire::Codec& codec, const wire::Message& message) {
    std::string frame;
    BALLAST_ASSERT(codec.encode(message, limits::frame_bytes_max, frame).ok());
    const auto bytes = std::as_bytes(std::span{frame});
    BALLAST_ASSERT(wire::frame_length(bytes, limits::frame_bytes_max).value() == frame.size());
    wire::Message again;
    wire::Chunk chunk;
    BALLAST_ASSERT(codec.decode(bytes.subspan(wire::frame_header_bytes), again, chunk).ok());
    BALLAST_ASSERT(again == message);
}

void check_chunk(wire::Codec& codec, const wire::Chunk& chunk) {
    std::string frame;
    if (!codec.encode(chunk, limits::frame_bytes_max, frame).ok()) {
        return;  // so large that only its head's longest form could have carried it
    }
    wire::Message nothing;
    wire::Chunk again;
    BALLAST_ASSERT(
        codec.decode(std::as_bytes(std::span{frame}).subspan(wire::frame_header_bytes), nothing, again).ok());
    BALLAST_ASSERT(again.compression == chunk.compression && again.plain_bytes == chunk.plain_bytes);
    BALLAST_ASSERT(std::equal(again.data.begin(), again.data.end(), chunk.data.begin(), chunk.data.end()));
}

void check_payload(wire::Codec& codec, std::span<const std::byte> payload) {
    static wire::Message message;  // large
    wire::Chunk chunk;
    if (!codec.decode(payload, message, chunk).ok()) {
        return;
    }
    if (!std::holds_alternative<std::monostate>(message)) {
        check_message(codec, message);
    } else if (chunk.data.data() != nullptr) {
        check_chunk(codec, chunk);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static wire::Codec codec;
    const std::span input{reinterpret_cast<const std::byte*>(data), size};
    check_payload(codec, input);
    std::span<const std::byte> stream = input;
    while (true) {
        const auto length = wire::frame_length(stream, limits::frame_bytes_max);
        if (!length.ok() || length.value() == 0 || length.value() > stream.size()) {
            return 0;
        }
        check_payload(codec,
                      stream.subspan(wire::frame_header_bytes, length.value() - wire::frame_header_bytes));
        stream = stream.subspan(length.value());
    }
}
