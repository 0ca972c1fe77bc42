// Frames that wait to be sent, oldest first.
#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace ballast {

class SendBuffer {
  public:
    // Where the next frame is appended.
    std::string& tail() {
        // What is gone is dropped only when it is most of the buffer, so that a slow peer does not cost a
        // move of everything with each message.
        if (sent_ > bytes_.size() / 2) {
            bytes_.erase(0, sent_);
            sent_ = 0;
        }
        return bytes_;
    }
    std::span<const std::byte> rest() const noexcept {
        return std::as_bytes(std::span{bytes_}).subspan(sent_);
    }
    void sent(std::size_t count) noexcept {
        sent_ += count;
        if (sent_ == bytes_.size()) {
            bytes_.clear();
            sent_ = 0;
        }
    }
    bool empty() const noexcept { return bytes_.empty(); }

  private:
    std::string bytes_;
    std::size_t sent_ = 0;  // of bytes_; below its size unless both are zero
};

}  // namespace ballast
