// What the segments of an image were when it was indexed: their digests, made in the same pass, so that a
// transfer that begins with an index reads once more only what travels. As little trusted as the index: what
// has changed since comes out wrong at the destination, and travels whole.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "image/digest.hpp"
#include "image/file.hpp"
#include "image/sent_blocks.hpp"

namespace ballast::image {

struct SeenOptions {
    TransferKey key{};
    // Of the fingerprints of blocks (see SentBlocks); none are made without it. With them the source notices
    // itself when what travels has changed.
    std::optional<std::uint64_t> block_seed;
};

struct SeenSegment {
    std::uint64_t number = 0;
    SentRecord record;
};

class SeenSegments {
  public:
    explicit SeenSegments(const SeenOptions& options) : options_{options} {}
    // In a file that goes away with this object. `io_failed`, `no_disk_space`.
    Status create(const std::string& path, std::string& why);

    const SeenOptions& options() const noexcept { return options_; }
    Status put(const SeenSegment& segment, std::string& why);
    // False when it was not seen. Several threads may ask at once.
    bool get(std::uint64_t number, SentRecord& record) const;
    // Whether a block of it is still what was seen; true when there are no fingerprints.
    bool same(const SentRecord& record, std::size_t block, std::span<const std::byte> content) const noexcept;

  private:
    SeenOptions options_;
    NamedFd file_;
};

// Makes what is seen out of content that comes in pieces.
class SegmentMaker {
  public:
    SegmentMaker(const SeenOptions& options, std::uint64_t image_bytes);
    // The content of this segment comes next, from its beginning.
    void begin(std::uint64_t number) noexcept;
    // Rows of blocks, their beginnings `stride` apart; appends the segments that end with them. REQUIRES:
    // whole turns (leaf_turn_bytes), but for the end of the image.
    void add(const std::byte* rows, std::size_t bytes, std::size_t stride, std::vector<SeenSegment>& out);

  private:
    void take_fingerprints(const std::byte* rows, std::size_t bytes, std::size_t stride) noexcept;

    SeenOptions options_;
    std::uint64_t image_bytes_;
    Digester digester_;
    SeenSegment segment_;
    std::size_t added_ = 0;
};

}  // namespace ballast::image
