// Between bytes and messages. A frame is a 4-byte little-endian length followed by that many bytes of
// protobuf; the length is checked against the bound before a byte of it is parsed.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/result.hpp"
#include "proto/messages.hpp"

namespace ballast::wire {

inline constexpr std::size_t frame_header_bytes = 4;

// Looks at the start of a receive buffer. Yields the frame's whole length (header included), 0 when the
// header is not complete yet, or `protocol_violation` when the announced length is 0 or above
// `frame_bytes_max`.
Result<std::size_t> frame_length(std::span<const std::byte> received, std::size_t frame_bytes_max) noexcept;

// A piece of a migrating guest's image. `data` points into the decoder's or the caller's buffer.
struct Chunk {
    std::span<const std::byte> data;
    Compression compression = Compression::none;
    std::uint32_t plain_bytes = 0;  // length once decompressed; the encoder fills it in itself for `none`
};

// What one chunk may decompress to: bounds the receiver's buffer whatever a stream claims.
inline constexpr std::size_t chunk_plain_bytes_max = 1024 * 1024;
// A chunk's frame is its data and at most this much: `frame_bytes_max - chunk_head_bytes_max` bytes of data
// always fit.
inline constexpr std::size_t chunk_head_bytes_max = 32;

// The bytes of a chunk's frame that go before its data, so that bulk can be sent from where it lies.
struct ChunkHead {
    std::array<char, chunk_head_bytes_max> bytes{};
    std::size_t size = 0;
};
Result<ChunkHead> encode_chunk_head(const Chunk& chunk, std::size_t frame_bytes_max) noexcept;

// Encoder and decoder of one connection: holds reused protobuf objects, so that the steady state does not
// allocate.
class Codec {
  public:
    Codec();
    ~Codec();
    Codec(const Codec&) = delete;
    Codec& operator=(const Codec&) = delete;

    // Parses one frame's payload (header stripped). Refuses what does not fit the plain struct, enumerators
    // that are unknown, uuids that are not 16 bytes, floating-point values that are not finite:
    // `protocol_violation`. A body of a newer protocol that this version does not know yields std::monostate:
    // ignore it. When the message is a MigrationChunk, `chunk` is set instead and `out` is monostate.
    Status decode(std::span<const std::byte> payload, Message& out, Chunk& chunk) noexcept;

    // Appends a whole frame (header and payload) to `out`; leaves it as it was on failure.
    // REQUIRES: the message holds a body (not monostate). `limit_reached` when the payload is above
    // `frame_bytes_max`; `invalid_argument` when a value may not travel (see decode). Text that is not
    // well-formed UTF-8 travels with '?' in the place of the offending bytes.
    Status encode(const Message& message, std::size_t frame_bytes_max, std::string& out);
    Status encode(const Chunk& chunk, std::size_t frame_bytes_max, std::string& out);

  private:
    struct Objects;
    std::unique_ptr<Objects> objects_;
};

}  // namespace ballast::wire
