// The digest of every segment dealt with so far, in a file: memory does not grow with the image. At the
// destination it outlives the process, and an interrupted transfer goes on from it.
#pragma once

#include <cstdint>
#include <string>

#include "image/core/transfer_messages.hpp"
#include "image/file.hpp"

namespace ballast::image {

class SegmentJournal {
  public:
    // Opens the journal of this transfer, or begins an empty one when there is none or it is another's.
    // `no_disk_space`, `io_failed`.
    Status open(const std::string& path, const TransferId& transfer, std::uint64_t image_bytes,
                std::string& why);
    // One that ends with the process, in the directory of `path`.
    Status open_temporary(const std::string& path, std::uint64_t image_bytes, std::string& why);

    std::uint64_t segments() const noexcept { return segments_; }
    // Whether an earlier attempt has left anything.
    bool resumed() const noexcept { return resumed_; }

    Status put(std::uint64_t segment, const Digest& digest, std::string& why);
    // `known` is false for a segment that was never put, and for a record that was torn.
    Status get(std::uint64_t segment, Digest& digest, bool& known, std::string& why) const;
    Status forget(std::uint64_t segment, std::string& why);
    Status remove(std::string& why);

  private:
    NamedFd file_;
    std::uint64_t segments_ = 0;
    bool resumed_ = false;
};

// Segments of an image of this size.
constexpr std::uint64_t segments_of(std::uint64_t image_bytes) noexcept {
    return (image_bytes + segment_bytes - 1) / segment_bytes;
}
// Bytes of one of them. REQUIRES: number < segments_of(image_bytes).
constexpr std::uint32_t segment_length(std::uint64_t image_bytes, std::uint64_t number) noexcept {
    const std::uint64_t left = image_bytes - number * segment_bytes;
    return left < segment_bytes ? static_cast<std::uint32_t>(left) : segment_bytes;
}

}  // namespace ballast::image
