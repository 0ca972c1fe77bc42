// Frames that wait to be sent, oldest first. The newest of them may be held back; what is held is
// sealed, then released, while what comes after the seal is held for the next.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <utility>

namespace ballast {

class SendBuffer {
  public:
    // Where the next frame is appended; then say so with `appended`.
    std::string& tail() {
        // What is gone is dropped only when it is most of the buffer, so that a slow peer does not cost a
        // move of everything with each message.
        if (sent_ > bytes_.size() / 2) {
            bytes_.erase(0, sent_);
            sent_ = 0;
        }
        return bytes_;
    }
    // `count` bytes were appended. What follows something that is held waits behind it.
    void appended(std::size_t count, bool held) noexcept {
        if (held || held_ > 0) {
            held_ += count;
        } else if (sealed_ > 0) {
            sealed_ += count;
        }
    }
    // What is held now is what release() lets go.
    void seal() noexcept { sealed_ += std::exchange(held_, 0); }
    void release() noexcept { sealed_ = 0; }

    // What may go out now.
    std::span<const std::byte> ready() const noexcept {
        return std::as_bytes(std::span{bytes_}).subspan(sent_, waiting() - sealed_ - held_);
    }
    // Of `ready`, from its beginning.
    void sent(std::size_t count) noexcept {
        sent_ += count;
        if (sent_ == bytes_.size()) {
            bytes_.clear();
            sent_ = 0;
        }
    }
    std::size_t waiting() const noexcept { return bytes_.size() - sent_; }  // held bytes included
    bool empty() const noexcept { return bytes_.empty(); }

  private:
    std::string bytes_;
    std::size_t sent_ = 0;    // of bytes_; below its size unless both are zero
    std::size_t sealed_ = 0;  // before those held
    std::size_t held_ = 0;    // at the end of bytes_
};

}  // namespace ballast
