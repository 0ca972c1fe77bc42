// A guest's disk image, to be read: raw files and block devices directly, qcow2 through qemu-nbd.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "image/core/grid.hpp"
#include "image/core/index_format.hpp"

namespace ballast::image {

// The format is never guessed from what an image contains: the guest of a raw image could write a qcow2
// header into it that names a file of the host as its backing file.
enum class ImageFormat : std::uint8_t {
    by_name = 0,  // qcow2 when the name ends in ".qcow2", else raw
    raw = 1,      // a file or a block device
    qcow2 = 2,
};

struct Rows {
    std::size_t bytes = 0;
    std::size_t stride = 0;
};

class ImageSource {
  public:
    virtual ~ImageSource() = default;

    // The guest's disk in bytes, as it was when the image was opened.
    virtual std::uint64_t size_bytes() const noexcept = 0;
    // All of `into`. `image_corrupt` when the image ends before (it shrank), `io_failed`.
    virtual Status read(std::uint64_t offset, std::span<std::byte> into, std::string& why) = 0;
    // The same, laid down in rows of so many bytes, whose beginnings are `stride` apart; the last may be cut
    // short. REQUIRES: stride >= row_bytes > 0, and `into` goes to the end of the last row.
    virtual Status read_rows(std::uint64_t offset, std::uint64_t length, const Rows& rows,
                             std::span<std::byte> into, std::string& why);
    // The next stretch at or after `offset` that may hold anything but zeros; empty when there is none. Never
    // longer than the image. `io_failed`.
    virtual Status next_data(std::uint64_t offset, Extent& data, std::string& why) = 0;
    // Whether several threads may call read() at once, beside one that calls next_data().
    virtual bool can_be_shared() const noexcept = 0;
    // Whether a question costs far more than a call of the system: then few are asked, and large ones.
    virtual bool dear_to_ask() const noexcept { return false; }
    // As it is now: an image that was written to since has another identity.
    virtual Status identity(ImageIdentity& out, std::string& why) const = 0;
};

// `not_found`, `unsupported` (neither file nor block device, or no qemu-nbd), `io_failed`. Null on failure.
std::unique_ptr<ImageSource> open_image(const std::string& path, ImageFormat format, std::string& why);

// The identity alone, without opening qcow2's content (its guest's size is then 0 and must not be compared).
Status file_identity(const std::string& path, ImageIdentity& out, std::string& why);

// Where the grid of an image's blocks starts anew.
GridStarts grid_starts_of(ImageSource& source);

}  // namespace ballast::image
