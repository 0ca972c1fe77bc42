// What each block of an image was when it was last sent: 8 bytes for each. With it a round sends the blocks
// that have changed, and not the segments that they lie in; and pages of the guest's memory are found in what
// the destination has of its images. A hint, like an index: a wrong one costs a segment.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>

#include "image/core/transfer_messages.hpp"
#include "image/file.hpp"

namespace ballast::image {

inline constexpr std::size_t sent_block_bytes = 4096;

// Of one segment; they lie in the file in the order of segments. All zeros: nothing is known of it.
struct SentRecord {
    Digest digest{};
    std::array<std::uint64_t, segment_bytes / sent_block_bytes> blocks{};
};

// XXH3 with a seed that no guest knows, so that it cannot make blocks that are taken for each other.
std::uint64_t block_fingerprint(std::span<const std::byte> block, std::uint64_t seed) noexcept;

class SentBlocks {
  public:
    // Takes up what is there. Empty path: remembers nothing. `io_failed`, `no_disk_space`.
    Status open(const std::string& path, std::uint64_t seed, std::string& why);
    Status keep(std::uint64_t segment, const Digest& digest, std::span<const std::byte> content,
                std::string& why);
    // The same of one whose record was made before.
    Status keep(std::uint64_t segment, const SentRecord& record, std::string& why);
    // The segment became zeros.
    Status forget(std::uint64_t segment, std::string& why);
    // The blocks of this segment as it was when its digest was `digest`; false when that is not what
    // was kept last.
    bool load(std::uint64_t segment, const Digest& digest);
    // REQUIRES: loaded, by load() that said so.
    bool same(std::size_t block, std::span<const std::byte> content) const noexcept;

  private:
    NamedFd file_;
    std::uint64_t seed_ = 0;
    SentRecord loaded_;
};

}  // namespace ballast::image
