#include "image/target.hpp"

#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "image/core/zero.hpp"
#include "image/failure.hpp"

namespace ballast::image {
namespace {

// Zeros within data are left as holes only from this size on: smaller ones cost more extents than they save.
constexpr std::size_t hole_bytes_min = 64 * 1024;

}  // namespace

Status ImageTarget::check_space(std::uint64_t data_bytes, std::uint64_t reserve_bytes,
                                std::string& why) const {
    struct statvfs space {};
    struct stat status {};
    if (::fstatvfs(file_.fd.get(), &space) != 0 || ::fstat(file_.fd.get(), &status) != 0) {
        return system_failure(file_.path, "ask for the free space of", errno, why);
    }
    const std::uint64_t have = std::uint64_t{space.f_bavail} * space.f_frsize;
    const std::uint64_t written = static_cast<std::uint64_t>(status.st_blocks) * 512;
    const std::uint64_t need = data_bytes - std::min(data_bytes, written) + reserve_bytes;
    if (have < need) {
        return content_failure(file_.path,
                               "needs " + std::to_string(need >> 20) + " MiB, its file system has " +
                                   std::to_string(have >> 20) + " MiB free",
                               Fault::no_disk_space, why);
    }
    return {};
}

Status ImageTarget::open(const std::string& path, std::uint64_t image_bytes, std::uint64_t data_bytes,
                         std::uint64_t reserve_bytes, std::string& why) {
    BALLAST_CHECK(open_file(path, O_RDWR | O_CREAT, file_, why));
    struct stat status {};
    if (::fstat(file_.fd.get(), &status) != 0) {
        return system_failure(path, "look at", errno, why);
    }
    if (S_ISBLK(status.st_mode)) {
        std::uint64_t size = 0;
        if (::ioctl(file_.fd.get(), BLKGETSIZE64, &size) != 0) {
            return system_failure(path, "ask for the size of", errno, why);
        }
        if (size < image_bytes) {
            return content_failure(path,
                                   "a device of " + std::to_string(size) + " bytes; the image has " +
                                       std::to_string(image_bytes),
                                   Fault::invalid_argument, why);
        }
    } else {
        BALLAST_CHECK(check_space(data_bytes, reserve_bytes, why));
        fresh_ = status.st_size == 0;
        if (::ftruncate(file_.fd.get(), static_cast<off_t>(image_bytes)) != 0) {
            return system_failure(path, "set the size of", errno, why);
        }
    }
    std::string ignored;
    static_cast<void>(open_file(path, O_RDWR | O_DIRECT, direct_, ignored));
    return {};
}

Status ImageTarget::write(std::uint64_t offset, std::span<const std::byte> bytes, std::string& why) {
    while (!bytes.empty()) {
        const std::size_t piece = std::min(bytes.size(), hole_bytes_min);
        if (all_zero(bytes.first(piece))) {
            if (!fresh_) {
                BALLAST_CHECK(write_zeros(offset, piece, why));
            }
            bytes = bytes.subspan(piece);
            offset += piece;
            continue;
        }
        std::size_t data = piece;
        while (data < bytes.size() &&
               !all_zero(bytes.subspan(data, std::min(bytes.size() - data, hole_bytes_min)))) {
            data += std::min(bytes.size() - data, hole_bytes_min);
        }
        // The end of an image may be no multiple of a block: that goes through the page cache.
        const std::size_t aligned = direct_.fd ? data / target_alignment * target_alignment : 0;
        BALLAST_CHECK(write_exactly(direct_, offset, bytes.first(aligned), why));
        BALLAST_CHECK(write_exactly(file_, offset + aligned, bytes.subspan(aligned, data - aligned), why));
        bytes = bytes.subspan(data);
        offset += data;
    }
    return {};
}

Status ImageTarget::read_past_cache(std::uint64_t offset, std::span<std::byte> into, std::string& why) const {
    const std::size_t aligned = into.size() / target_alignment * target_alignment;
    BALLAST_CHECK(read_exactly(direct_, offset, into.first(aligned), why));
    return read_exactly(file_, offset + aligned, into.subspan(aligned), why);
}

Extent ImageTarget::hole_at(std::uint64_t offset) const noexcept {
    const off_t data = ::lseek(file_.fd.get(), static_cast<off_t>(offset), SEEK_DATA);
    if (data >= 0) {
        return {.offset = offset, .length = static_cast<std::uint64_t>(data) - offset};
    }
    struct stat status {};
    const bool to_the_end = errno == ENXIO && ::fstat(file_.fd.get(), &status) == 0 &&
                            S_ISREG(status.st_mode) && static_cast<std::uint64_t>(status.st_size) > offset;
    return {.offset = offset, .length = to_the_end ? static_cast<std::uint64_t>(status.st_size) - offset : 0};
}

Status ImageTarget::write_zeros(std::uint64_t offset, std::uint64_t length, std::string& why) {
    const auto from = static_cast<off_t>(offset);
    const auto count = static_cast<off_t>(length);
    if (::fallocate(file_.fd.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, from, count) == 0 ||
        ::fallocate(file_.fd.get(), FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, from, count) == 0) {
        return {};
    }
    static constexpr std::array<std::byte, 64 * 1024> zeros{};
    for (std::uint64_t done = 0; done < length; done += zeros.size()) {
        const std::size_t piece =
            static_cast<std::size_t>(std::min<std::uint64_t>(length - done, zeros.size()));
        BALLAST_CHECK(write_exactly(file_, offset + done, std::span{zeros}.first(piece), why));
    }
    return {};
}

Status ImageTarget::sync(std::string& why) {
    if (::fsync(file_.fd.get()) != 0) {
        return system_failure(file_.path, "sync", errno, why);
    }
    return {};
}

void ImageTarget::drop_cache() noexcept {
    ::posix_fadvise(file_.fd.get(), 0, 0, POSIX_FADV_DONTNEED);
}

}  // namespace ballast::image
