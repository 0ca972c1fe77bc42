// Finds a page among the blocks of images that were sent: what the destination holds of them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "image/sent_blocks.hpp"

namespace ballast::image {

struct BlockPlace {
    std::uint8_t image = 0;  // in the order of open()
    std::uint32_t block = 0;
};

class SentLookup {
  public:
    // `places_max`: 8 bytes each; taken as many as the images need, once. Images with more blocks are known
    // in part, from their beginnings.
    explicit SentLookup(std::size_t places_max) : places_max_{places_max} {}

    // The files of the images' SentBlocks. A missing one is an image of which nothing is known. `io_failed`;
    // `limit_reached`: more images than a guest has.
    Status open(const std::vector<std::string>& sent_blocks, std::string& why);
    // A block with this fingerprint, which the file still names; if it can be, the one behind the last one
    // found: neighbours in memory often are neighbours on the disk.
    std::optional<BlockPlace> find(std::uint64_t fingerprint);

  private:
    Status load(std::uint8_t image, std::uint64_t records, std::string& why);
    void insert(std::uint64_t fingerprint, std::uint8_t image, std::uint32_t block) noexcept;
    bool names(const BlockPlace& place, std::uint64_t fingerprint) const;

    std::size_t places_max_;
    std::vector<std::uint32_t> first_;  // block of each image, counted through
    std::vector<NamedFd> files_;
    std::vector<std::uint64_t> places_;  // number of the block + 1, and high bits of the fingerprint
    std::size_t used_ = 0;
    BlockPlace last_;
    bool found_before_ = false;
};

}  // namespace ballast::image
