// Bytes as they arrive, cut into frames. Grows with need up to a bound; a frame's payload is looked at where
// it lies. Whoever has many of them lets them share the memory.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <span>
#include <vector>

#include "proto/codec.hpp"
#include "shell/spare_bytes.hpp"

namespace ballast {

class ReceiveBuffer {
  public:
    // Twice the largest frame, so that moving a frame's beginning to the front is rare and cheap. `spare`
    // must outlive the buffer.
    ReceiveBuffer(std::size_t frame_bytes_max, SpareBytes& spare, std::size_t start_bytes = 16 * 1024)
        : frame_bytes_max_{frame_bytes_max},
          bytes_max_{2 * (frame_bytes_max + wire::frame_header_bytes)},
          start_bytes_{std::min(start_bytes, bytes_max_)},
          spare_{spare} {}

    // Room to receive into; never empty once every complete frame was taken.
    std::span<std::byte> space() {
        if (bytes_.empty()) {
            bytes_ = spare_.take(start_bytes_);
        }
        if (begin_ == end_) {
            begin_ = end_ = 0;
        }
        if (bytes_.size() - end_ < room_wanted && begin_ > 0) {
            std::memmove(bytes_.data(), bytes_.data() + begin_, end_ - begin_);
            end_ -= begin_;
            begin_ = 0;
        }
        if (bytes_.size() - end_ < room_wanted && bytes_.size() < bytes_max_) {
            bytes_.resize(std::min(bytes_max_, bytes_.size() * 2));
        }
        return std::span{bytes_}.subspan(end_);
    }
    void received(std::size_t count) noexcept { end_ += count; }

    // Nothing is received for now: without a part of a frame in it, the buffer's memory is for others.
    void rest() noexcept {
        if (!holds_part()) {
            drop_all();
            spare_.give_back(std::exchange(bytes_, {}));
        }
    }

    // The next frame's payload, empty when none is complete. Valid until space() or rest() is called.
    Result<std::span<const std::byte>> next_frame() noexcept {
        const std::span<const std::byte> held = std::span{bytes_}.subspan(begin_, end_ - begin_);
        const std::size_t length = BALLAST_TRY(wire::frame_length(held, frame_bytes_max_));
        if (length == 0 || held.size() < length) {
            return std::span<const std::byte>{};
        }
        begin_ += length;
        return held.subspan(wire::frame_header_bytes, length - wire::frame_header_bytes);
    }
    // The peer ended in the middle of a frame.
    bool holds_part() const noexcept { return begin_ != end_; }
    void drop_all() noexcept { begin_ = end_ = 0; }

  private:
    static constexpr std::size_t room_wanted = 8 * 1024;

    std::size_t frame_bytes_max_;
    std::size_t bytes_max_;
    std::size_t start_bytes_;
    SpareBytes& spare_;
    std::vector<std::byte> bytes_;  // none while it rests
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
};

}  // namespace ballast
