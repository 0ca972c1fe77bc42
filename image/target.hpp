// The image that is being made at the destination: a file, or a block device.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "image/core/grid.hpp"
#include "image/core/transfer_messages.hpp"
#include "image/file.hpp"

namespace ballast::image {

// Buffers that are written must lie at multiples of this, so that the kernel need not copy them.
inline constexpr std::size_t target_alignment = 4096;

struct AlignedSegment {
    alignas(target_alignment) std::array<std::byte, segment_bytes> bytes;
};

class ImageTarget {
  public:
    // Creates the file (or takes up what an earlier attempt left of it). `no_disk_space` when the file system
    // has less than `data_bytes` and `reserve_bytes` free; `invalid_argument` for a device that is too small.
    Status open(const std::string& path, std::uint64_t image_bytes, std::uint64_t data_bytes,
                std::uint64_t reserve_bytes, std::string& why);

    // A file that was not there before holds zeros until it is written.
    bool fresh() const noexcept { return fresh_; }
    void not_fresh() noexcept { fresh_ = false; }

    Status read(std::uint64_t offset, std::span<std::byte> into, std::string& why) const {
        return read_exactly(file_, offset, into, why);
    }
    // Whether the page cache can be gone around.
    bool past_cache() const noexcept { return static_cast<bool>(direct_.fd); }
    // What the disk itself says (the end of an image that is no multiple of target_alignment comes from the
    // cache). REQUIRES: past_cache(), aligned memory; an offset that is a multiple of target_alignment.
    Status read_past_cache(std::uint64_t offset, std::span<std::byte> into, std::string& why) const;
    // The stretch from `offset` on for which the file system has nothing stored, so that it reads as zeros
    // whatever the disk does. Empty when something is, and when it cannot tell.
    Extent hole_at(std::uint64_t offset) const noexcept;
    // REQUIRES: aligned memory; an offset that is a multiple of target_alignment.
    Status write(std::uint64_t offset, std::span<const std::byte> bytes, std::string& why);
    Status write_zeros(std::uint64_t offset, std::uint64_t length, std::string& why);
    // Until all of it is on disk.
    Status sync(std::string& why);
    // Forgets cached pages, as far as the kernel does: what is read next comes from the disk.
    void drop_cache() noexcept;

  private:
    Status check_space(std::uint64_t data_bytes, std::uint64_t reserve_bytes, std::string& why) const;

    NamedFd file_;
    NamedFd direct_;  // past the page cache, where the file system can
    bool fresh_ = false;
};

}  // namespace ballast::image
