// The messages of an image's transfer, and their bytes: docs/image_transfer.md. A message is its length (4
// bytes, without itself), its type (1 byte) and its fields. Everything that arrives is checked here.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/fixed_vector.hpp"
#include "base/result.hpp"
#include "base/vocabulary.hpp"
#include "image/core/key_code.hpp"
#include "image/core/recipe.hpp"

namespace ballast::image {

inline constexpr std::uint32_t transfer_version = 2;
inline constexpr std::size_t frame_header_bytes = 5;
// The longest is a segment of which nothing could be compressed.
inline constexpr std::size_t message_bytes_max = segment_bytes + recipe_bytes_max + 64 * 1024;

using Digest = std::array<std::byte, 32>;
using TransferKey = std::array<std::byte, 32>;
using TransferId = std::array<std::byte, 16>;

// Frozen: travels on the wire.
enum class MessageType : std::uint8_t {
    hello = 1,      // source: what comes
    welcome = 2,    // destination: what is there
    verified = 3,   // destination: digests of segments that an earlier attempt left; an empty one ends them
    keys = 4,       // source: sorted keys of blocks
    matches = 5,    // destination: where each of them is, if it is
    segment = 6,    // source: how a segment is made
    zeros = 7,      // source: segments of zeros
    refused = 8,    // destination: a segment did not come out right; send it whole
    confirmed = 9,  // destination: segments dealt with so far
    finish = 10,    // source: digest of all digests
    finished = 11,  // destination: the image is complete, verified and on disk
    failure = 12,   // either: why it gives up
};

// The frame around a message.
struct FrameHead {
    MessageType type = MessageType::failure;
    std::uint32_t body_bytes = 0;
};
void encode(const FrameHead& head, std::span<std::byte, frame_header_bytes> out) noexcept;
// `protocol_violation`: an unknown type or a length beyond message_bytes_max.
Result<FrameHead> decode_frame_head(std::span<const std::byte, frame_header_bytes> bytes) noexcept;

struct Hello {
    std::uint32_t version = transfer_version;
    TransferId transfer{};
    TransferKey key{};  // of the digests; fresh for each transfer, the same when it is resumed
    std::uint64_t image_bytes = 0;
    std::uint64_t data_bytes = 0;  // that are not zero, as far as the source's index knows
    std::uint32_t segment = segment_bytes;
};

// One image at the destination that blocks may be copied from.
struct LocalOffer {
    std::uint64_t image_bytes = 0;
    std::uint64_t blocks = 0;   // indexed, for choosing how long keys must be
    std::uint64_t sectors = 0;  // 0: no second level
    friend constexpr bool operator==(const LocalOffer&, const LocalOffer&) noexcept = default;
};
struct Welcome {
    std::uint32_t version = transfer_version;
    FixedVector<LocalOffer, local_images_max> locals;
};

// A batch of keys. Keys of a pass ascend from batch to batch; a batch without keys ends the pass.
struct Keys {
    std::uint32_t block_bytes = 0;
    KeyCode code;
    std::uint32_t count = 0;
    std::span<const std::byte> bits;
};

// The answer to a batch, key by key: a bit that says whether, the number of the image, the sector.
struct Match {
    bool found = false;
    std::uint8_t local_image = 0;
    std::uint64_t offset = 0;  // in that image, a multiple of 512
};

struct Segment {
    std::uint64_t number = 0;
    Digest digest{};
    std::uint32_t recipe_bytes = 0;
    std::uint32_t literal_bytes = 0;
    std::span<const std::byte> compressed;  // recipe, then literals
};

// So many segments from this one on.
struct SegmentRange {
    std::uint64_t first = 0;
    std::uint64_t count = 0;
};

// How far the destination has come.
struct Progress {
    std::uint64_t answered = 0;  // questions
    std::uint64_t settled = 0;   // segments dealt with
    // How long it has waited for the source's bytes until now: what a link does not bring, and what a busy
    // destination does not miss.
    std::uint64_t starved_ns = 0;
};

struct Verified {
    std::uint64_t first = 0;
    std::span<const std::byte> digests;  // 32 bytes each
};
inline constexpr std::size_t verified_digests_max = 1024;

struct Failure {
    Fault fault = Fault::none;
    Detail reason;
};

// Each returns the bytes of the body in `out`. REQUIRES: room for it (message_bytes_max always is).
std::size_t encode(const Hello& message, std::span<std::byte> out) noexcept;
std::size_t encode(const Welcome& message, std::span<std::byte> out) noexcept;
std::size_t encode(const Verified& message, std::span<std::byte> out) noexcept;
std::size_t encode(const Keys& message, std::span<std::byte> out) noexcept;
std::size_t encode(const Segment& message, std::span<std::byte> out) noexcept;
std::size_t encode(const SegmentRange& message, std::span<std::byte> out) noexcept;
std::size_t encode(const Progress& message, std::span<std::byte> out) noexcept;
std::size_t encode(const Digest& message, std::span<std::byte> out) noexcept;
std::size_t encode(const Failure& message, std::span<std::byte> out) noexcept;
std::size_t encode_matches(std::span<const Match> matches, const Welcome& offers,
                           std::span<std::byte> out) noexcept;

// Each answers `protocol_violation` to anything that its message cannot be; decode_hello and decode_welcome
// `version_mismatch` to another version. Spans point into `body`.
Result<Hello> decode_hello(std::span<const std::byte> body) noexcept;
Status decode_welcome(std::span<const std::byte> body, Welcome& out) noexcept;
Result<Verified> decode_verified(std::span<const std::byte> body) noexcept;
Result<Keys> decode_keys_head(std::span<const std::byte> body) noexcept;
Result<Segment> decode_segment(std::span<const std::byte> body) noexcept;
Result<SegmentRange> decode_range(std::span<const std::byte> body) noexcept;
Result<Progress> decode_progress(std::span<const std::byte> body) noexcept;
Result<Digest> decode_digest(std::span<const std::byte> body) noexcept;
Result<Failure> decode_failure(std::span<const std::byte> body) noexcept;
// Exactly `out.size()` matches, all within the images of the offers.
Status decode_matches(std::span<const std::byte> body, const Welcome& offers, std::span<Match> out) noexcept;

}  // namespace ballast::image
