// What each block of an image was when it was last sent: 8 bytes for each. With it a round sends the blocks
// that have changed, and not the segments that they lie in. A hint, like an index: a wrong one costs a
// segment.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>

#include "image/core/transfer_messages.hpp"
#include "image/file.hpp"

namespace ballast::image {

class SentBlocks {
  public:
    // Takes up what is there. Empty path: remembers nothing. `io_failed`, `no_disk_space`.
    Status open(const std::string& path, std::string& why);
    Status keep(std::uint64_t segment, const Digest& digest, std::span<const std::byte> content,
                std::string& why);
    // The blocks of this segment as it was when its digest was `digest`; false when that is not what
    // was kept last.
    bool load(std::uint64_t segment, const Digest& digest);
    // REQUIRES: loaded.
    bool same(std::size_t block, std::span<const std::byte> content) const noexcept;

  private:
    struct Record {
        Digest digest{};
        std::array<std::uint64_t, segment_bytes / 4096> blocks{};
    };

    NamedFd file_;
    Record loaded_;
};

}  // namespace ballast::image
