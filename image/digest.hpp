// The keyed digests that prove a transfer: HMAC-SHA-256 with a key that no guest knows.
//
// A segment's content goes into its digest by way of 16 leaves, which can be made side by side: pieces of
// 1 KiB are dealt out to them in turn, the segment filled up with zeros to whole turns. A leaf is the SHA-256
// of 64 bytes, a key made from the transfer's and zeros, and then its pieces. The digest is the HMAC of the
// segment's number, its length and the leaves.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "image/core/sha256_lanes.hpp"
#include "image/core/transfer_messages.hpp"
#include "shell/hmac.hpp"

namespace ballast::image {

inline constexpr std::size_t leaf_piece_bytes = 1024;
inline constexpr std::size_t leaf_turn_bytes = leaf_piece_bytes * sha256_lanes;
// Content may come in rows of this size that lie apart.
inline constexpr std::size_t leaf_row_bytes = 4096;
static_assert(leaf_turn_bytes % leaf_row_bytes == 0 && leaf_row_bytes % leaf_piece_bytes == 0);
// Pieces of this size stay in the second cache while they are read or made, and hashed.
inline constexpr std::size_t digest_piece_bytes = 256 * 1024;
static_assert(digest_piece_bytes % leaf_turn_bytes == 0);

class Digester {
  public:
    // All kernels make the same digests. REQUIRES: can_run(kernel).
    explicit Digester(const TransferKey& key, Sha256Kernel kernel = best_sha256_kernel());

    // Of a segment's number and content; of one that is all zeros, what of_zeros says.
    Digest of_segment(std::uint64_t number, std::span<const std::byte> content);
    // The same of content that comes in pieces, while each is still in the processor's cache. All but the
    // last are multiples of leaf_turn_bytes.
    void begin_segment() noexcept;
    void add_piece(std::span<const std::byte> piece) { add_rows(piece.data(), piece.size(), leaf_row_bytes); }
    // The same of a piece whose rows begin `stride` bytes apart.
    void add_rows(const std::byte* rows, std::size_t bytes, std::size_t stride);
    bool only_zeros() const noexcept { return only_zeros_; }
    Digest end_segment(std::uint64_t number);
    // Of a segment of nothing but zeros, without looking at them.
    Digest of_zeros(std::uint64_t number, std::uint32_t length);
    // Of the whole image: its size and the digests of all its segments in order.
    void begin_image(std::uint64_t image_bytes);
    void add_segment(const Digest& digest);
    Digest end_image();

    // Of the pages in one unit of a memory stream that are references.
    void begin_pages(std::uint64_t unit);
    void add_page(std::span<const std::byte> page);
    Digest end_pages();

  private:
    void begin(std::uint8_t domain, std::uint64_t number);

    void add_turns(const std::byte* rows, std::size_t bytes, std::size_t stride);

    HmacSha256 mac_;
    Sha256Kernel kernel_;
    Sha256States keyed_;  // a leaf's, once it has taken in the key
    Sha256States leaves_;
    std::uint32_t segment_bytes_ = 0;  // added so far
    bool only_zeros_ = true;           // they are, and no leaf has taken them in yet
};

}  // namespace ballast::image
