// Bytes on their way from one socket to another: a fixed room, allocated once. When it is full, its owner
// stops reading, and the sender's own window closes.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>

#include "base/assert.hpp"

namespace ballast::agent {

class ByteQueue {
  public:
    explicit ByteQueue(std::size_t capacity_bytes)
        : bytes_{std::make_unique<std::byte[]>(capacity_bytes)}, capacity_{capacity_bytes} {}

    // What waits, oldest first. Valid until the next call of space() or put().
    std::span<const std::byte> waiting() const noexcept { return {bytes_.get() + begin_, end_ - begin_}; }
    std::size_t size() const noexcept { return end_ - begin_; }
    bool empty() const noexcept { return begin_ == end_; }
    bool full() const noexcept { return size() == capacity_; }
    // REQUIRES: count <= size().
    void drop(std::size_t count) noexcept {
        BALLAST_ASSERT(count <= size());
        begin_ += count;
        if (begin_ == end_) {
            begin_ = end_ = 0;
        }
    }

    // Where the next bytes go; empty only when full().
    std::span<std::byte> space() noexcept {
        if (end_ == capacity_ && begin_ > 0) {
            std::memmove(bytes_.get(), bytes_.get() + begin_, size());
            end_ -= begin_;
            begin_ = 0;
        }
        return {bytes_.get() + end_, capacity_ - end_};
    }
    // REQUIRES: count <= space().size().
    void added(std::size_t count) noexcept {
        BALLAST_ASSERT(count <= capacity_ - end_);
        end_ += count;
    }

    // REQUIRES: there is room for all of it (handshakes: their parts are small and known).
    void put(std::span<const std::byte> data) noexcept {
        for (std::size_t done = 0; done < data.size();) {
            const std::span<std::byte> room = space();
            BALLAST_ASSERT(!room.empty());
            const std::size_t count = std::min(room.size(), data.size() - done);
            std::memcpy(room.data(), data.data() + done, count);
            added(count);
            done += count;
        }
    }
    void put(std::string_view text) noexcept { put(std::as_bytes(std::span{text})); }

  private:
    std::unique_ptr<std::byte[]> bytes_;
    std::size_t capacity_;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
};

}  // namespace ballast::agent
