// The keyed digests that prove a transfer: HMAC-SHA-256 with a key that no guest knows.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "image/core/transfer_messages.hpp"
#include "shell/hmac.hpp"

namespace ballast::image {

class Digester {
  public:
    explicit Digester(const TransferKey& key) : mac_{key} {}

    // Of a segment's number and content; of one that is all zeros, what of_zeros says.
    Digest of_segment(std::uint64_t number, std::span<const std::byte> content);
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

    HmacSha256 mac_;
};

}  // namespace ballast::image
