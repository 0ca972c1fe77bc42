// Writing a simulated guest's image to a descriptor and reading one from it. The content is checked where it
// is used (image_order.hpp, image_codec.hpp); here the framing and the checksum are.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.hpp"
#include "xen_glue/sim/image_codec.hpp"

namespace ballast::sim {

// Faults of both: `connection_lost` (the peer closed or the stream ended), `io_failed`; of the writer
// `no_disk_space` too; of the reader `image_corrupt`. The descriptor stays the caller's; it may be blocking
// or not.
class ImageWriter {
  public:
    explicit ImageWriter(int fd);
    ~ImageWriter();
    ImageWriter(const ImageWriter&) = delete;
    ImageWriter& operator=(const ImageWriter&) = delete;

    Status begin(const ImageConfig& config);
    // `bytes_per_page` bytes follow for each page, about a quarter of them not compressible. Whole pages are
    // more like a guest's: of every eight, two are blocks of its first raw disk as it is now, one is zeros,
    // one is as the one before.
    Status pages(const PagesHead& head, std::uint32_t bytes_per_page);
    Status suspended(const CarriedState& state);
    Status end(std::uint64_t pages_total);

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

class ImageReader {
  public:
    explicit ImageReader(int fd);
    ~ImageReader();
    ImageReader(const ImageReader&) = delete;
    ImageReader& operator=(const ImageReader&) = delete;

    // Reads the magic and the configuration.
    Status begin(ImageConfig& config);

    struct Record {
        RecordType type{};
        PagesHead pages;       // of type pages
        CarriedState carried;  // of type suspended
        EndRecord end;         // of type end; its checksum has been compared
    };
    Status next(Record& record);

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

// Waits until `until_boottime_ns`. `connection_lost` when meanwhile the peer at `fd` (-1: none) goes away.
Status wait_until(std::int64_t until_boottime_ns, int fd) noexcept;
bool is_regular_file(int fd) noexcept;

}  // namespace ballast::sim
