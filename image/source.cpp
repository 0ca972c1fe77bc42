#include "image/source.hpp"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "image/failure.hpp"
#include "image/file.hpp"
#include "image/nbd_source.hpp"

namespace ballast::image {
namespace {

constexpr std::int64_t ns_per_second = 1'000'000'000;

std::int64_t nanoseconds(const timespec& time) {
    return time.tv_sec * ns_per_second + time.tv_nsec;
}

// Some file systems take tens of milliseconds for each question about holes (ZFS with dirty data): once so
// much time has gone into them, the rest is read, and zeros are recognised as zeros.
constexpr std::chrono::milliseconds hole_search_max{2000};

constexpr std::size_t rows_at_once_max = 128;

class RawSource final : public ImageSource {
  public:
    RawSource(NamedFd file, std::uint64_t size_bytes) : file_{std::move(file)}, size_bytes_{size_bytes} {}

    std::uint64_t size_bytes() const noexcept override { return size_bytes_; }

    Status read(std::uint64_t offset, std::span<std::byte> into, std::string& why) override {
        return read_exactly(file_, offset, into, why);
    }

    Status read_rows(std::uint64_t offset, std::uint64_t length, const Rows& rows, std::span<std::byte> into,
                     std::string& why) override {
        std::array<iovec, rows_at_once_max> parts;
        std::size_t count = 0;
        std::uint64_t at = 0;
        for (; at < length && count < parts.size(); at += rows.bytes) {
            parts[count] = {
                .iov_base = into.data() + count * rows.stride,
                .iov_len = static_cast<std::size_t>(std::min<std::uint64_t>(rows.bytes, length - at))};
            ++count;
        }
        if (at >= length) {
            const ssize_t got =
                ::preadv(file_.fd.get(), parts.data(), static_cast<int>(count), static_cast<off_t>(offset));
            if (got >= 0 && static_cast<std::uint64_t>(got) == length) {
                return {};
            }
        }
        // Anything unusual: read() knows what to do about it, and what to call it.
        return ImageSource::read_rows(offset, length, rows, into, why);
    }

    Status next_data(std::uint64_t offset, Extent& data, std::string& why) override {
        data = {.offset = offset, .length = size_bytes_ - offset};
        if (offset >= size_bytes_ || searched_ >= hole_search_max) {
            return {};
        }
        const auto start = std::chrono::steady_clock::now();
        const off_t begin = ::lseek(file_.fd.get(), static_cast<off_t>(offset), SEEK_DATA);
        if (begin < 0 && errno == ENXIO) {
            data = {.offset = size_bytes_, .length = 0};
            return {};
        }
        // A device or a file system that knows no holes: all of it is data.
        if (begin < 0) {
            searched_ = hole_search_max;
            return {};
        }
        const off_t end = ::lseek(file_.fd.get(), begin, SEEK_HOLE);
        if (end < begin) {
            return system_failure(file_.path, "look for holes", errno, why);
        }
        searched_ += std::chrono::steady_clock::now() - start;
        const auto from = std::min(static_cast<std::uint64_t>(begin), size_bytes_);
        data = {.offset = from, .length = std::min(static_cast<std::uint64_t>(end), size_bytes_) - from};
        return {};
    }

    bool can_be_shared() const noexcept override { return true; }

    Status identity(ImageIdentity& out, std::string& why) const override {
        return file_identity(file_.path, out, why);
    }

  private:
    NamedFd file_;
    std::uint64_t size_bytes_;
    std::chrono::steady_clock::duration searched_{};
};

std::unique_ptr<ImageSource> open_raw(const std::string& path, std::string& why) {
    NamedFd file;
    struct stat status {};
    // Non-blocking, so that a pipe in the place of an image cannot hang us.
    if (!open_file(path, O_RDONLY | O_NONBLOCK, file, why).ok()) {
        return nullptr;
    }
    if (::fstat(file.fd.get(), &status) != 0) {
        static_cast<void>(system_failure(path, "look at", errno, why));
        return nullptr;
    }
    std::uint64_t size = static_cast<std::uint64_t>(status.st_size);
    if (S_ISBLK(status.st_mode)) {
        if (::ioctl(file.fd.get(), BLKGETSIZE64, &size) != 0) {
            static_cast<void>(system_failure(path, "ask for the size of", errno, why));
            return nullptr;
        }
    } else if (!S_ISREG(status.st_mode)) {
        why = path + ": neither a file nor a block device";
        return nullptr;
    }
    ::posix_fadvise(file.fd.get(), 0, 0, POSIX_FADV_SEQUENTIAL);  // advice only: failure costs speed
    return std::make_unique<RawSource>(std::move(file), size);
}

class SourceSectors final : public SectorReader {
  public:
    explicit SourceSectors(ImageSource& source) : source_{source} {}
    bool read_sector(std::uint64_t offset, std::span<std::byte> into) noexcept override {
        std::string why;
        return offset <= source_.size_bytes() && into.size() <= source_.size_bytes() - offset &&
               source_.read(offset, into, why).ok();
    }

  private:
    ImageSource& source_;
};

}  // namespace

Status ImageSource::read_rows(std::uint64_t offset, std::uint64_t length, const Rows& rows,
                              std::span<std::byte> into, std::string& why) {
    const auto bytes = static_cast<std::size_t>(length);
    BALLAST_CHECK(read(offset, into.first(bytes), why));
    // From the last on, so that none is written over before it has moved.
    for (std::size_t row = (bytes + rows.bytes - 1) / rows.bytes; row-- > 1;) {
        const std::size_t at = row * rows.bytes;
        std::memmove(into.data() + row * rows.stride, into.data() + at, std::min(rows.bytes, bytes - at));
    }
    return {};
}

Status file_identity(const std::string& path, ImageIdentity& out, std::string& why) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) {
        return system_failure(path, "look at", errno, why);
    }
    if (S_ISBLK(status.st_mode)) {
        NamedFd device;
        BALLAST_CHECK(open_file(path, O_RDONLY | O_NONBLOCK, device, why));
        std::uint64_t size = 0;
        if (::ioctl(device.fd.get(), BLKGETSIZE64, &size) != 0) {
            return system_failure(path, "ask for the size of", errno, why);
        }
        out = {.kind = ImageKind::block_device, .size_bytes = size, .device = status.st_rdev};
        return {};
    }
    out = {.kind = ImageKind::raw_file,
           .size_bytes = static_cast<std::uint64_t>(status.st_size),
           .device = status.st_dev,
           .inode = status.st_ino,
           .modified_ns = nanoseconds(status.st_mtim),
           .changed_ns = nanoseconds(status.st_ctim)};
    return {};
}

std::unique_ptr<ImageSource> open_image(const std::string& path, ImageFormat format, std::string& why) {
    if (format == ImageFormat::by_name) {
        format = path.ends_with(".qcow2") ? ImageFormat::qcow2 : ImageFormat::raw;
    }
    return format == ImageFormat::qcow2 ? open_qcow2(path, why) : open_raw(path, why);
}

GridStarts grid_starts_of(ImageSource& source) {
    SourceSectors sectors{source};
    return find_grid_starts(sectors, source.size_bytes());
}

}  // namespace ballast::image
