#include "xen_glue/xen/image_walk.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <cerrno>
#include <cstring>

#include "xen_glue/xen/image_header.hpp"

namespace ballast::xen {
namespace {

constexpr std::uint64_t record_alignment_bytes = 8;
// A record holds at most 1,024 pages and their numbers; the rest are smaller (libxc's REC_LENGTH_MAX).
constexpr std::uint32_t record_bytes_max = 8U << 20U;
// 16 TiB of memory in records of 4 MiB, each sent in every round of a live stream, is far below this.
constexpr std::uint64_t records_max = 64'000'000;

constexpr std::uint32_t libxl_end = 0;
constexpr std::uint32_t libxl_libxc_context = 1;  // libxc's stream follows, without a length
constexpr std::uint32_t libxc_end = 0;
constexpr std::uint32_t libxc_marker_id = 0x58454E46;  // "XENF"
constexpr std::uint32_t libxc_version_min = 2;
constexpr std::uint32_t libxc_version_max = 3;
constexpr std::uint64_t libxc_headers_bytes = 24 + 16;  // image header and domain header

struct RecordHead {
    std::uint32_t type = 0;
    std::uint32_t length = 0;
};

class Walk {
  public:
    Walk(int fd, std::uint64_t at, std::string& why) : fd_{fd}, at_{at}, why_{why} {}

    Status libxl_stream() {
        std::array<std::byte, stream_header_bytes> header{};
        BALLAST_CHECK(take(header.data(), header.size()));
        BALLAST_CHECK(check_stream_header(header, why_));
        for (;;) {
            RecordHead record;
            BALLAST_CHECK(next(record));
            if (record.type == libxl_end) {
                return {};
            }
            if (record.type == libxl_libxc_context) {
                BALLAST_CHECK(libxc_stream());
            }
        }
    }
    std::uint64_t at() const noexcept { return at_; }

  private:
    Status libxc_stream() {
        std::array<std::byte, libxc_headers_bytes> headers{};
        BALLAST_CHECK(take(headers.data(), headers.size()));
        std::uint64_t marker = 0;
        std::memcpy(&marker, headers.data(), sizeof marker);
        const std::uint32_t id = big_endian_at(headers, 8);
        const std::uint32_t version = big_endian_at(headers, 12);
        if (~marker != 0 || id != libxc_marker_id || version < libxc_version_min ||
            version > libxc_version_max) {
            return corrupt(fmt::format("the memory image at byte {} is not of a version from {} to {}",
                                       at_ - headers.size(), libxc_version_min, libxc_version_max));
        }
        for (;;) {
            RecordHead record;
            BALLAST_CHECK(next(record));
            if (record.type == libxc_end) {
                return {};
            }
        }
    }

    // Takes a record's heading and goes past its body, whose last byte must be there.
    Status next(RecordHead& out) {
        if (++records_ > records_max) {
            return corrupt(fmt::format("the image has more than {} records", records_max));
        }
        std::array<std::byte, 8> head{};
        BALLAST_CHECK(take(head.data(), head.size()));
        std::memcpy(&out.type, head.data(), sizeof out.type);
        std::memcpy(&out.length, head.data() + sizeof out.type, sizeof out.length);
        if (out.length > record_bytes_max) {
            return corrupt(fmt::format("the record before byte {} claims {} bytes, more than {}", at_,
                                       out.length, record_bytes_max));
        }
        if (out.length != 0) {
            const std::uint64_t padded = (std::uint64_t{out.length} + record_alignment_bytes - 1) /
                                         record_alignment_bytes * record_alignment_bytes;
            at_ += padded - 1;
            std::byte last{};
            BALLAST_CHECK(take(&last, 1));
        }
        return {};
    }

    Status take(std::byte* out, std::size_t count) {
        std::size_t got = 0;
        while (got < count) {
            const ssize_t n = ::pread(fd_, out + got, count - got, static_cast<off_t>(at_ + got));
            if (n > 0) {
                got += static_cast<std::size_t>(n);
            } else if (n == 0) {
                return corrupt(fmt::format("the image is cut: it ends before byte {}", at_ + count));
            } else if (errno != EINTR) {
                why_ = fmt::format("reading the image: {}", std::strerror(errno));
                return Err{Fault::io_failed};
            }
        }
        at_ += count;
        return {};
    }

    static std::uint32_t big_endian_at(std::span<const std::byte> bytes, std::size_t offset) noexcept {
        std::uint32_t word = 0;
        std::memcpy(&word, bytes.subspan(offset, sizeof word).data(), sizeof word);
        return __builtin_bswap32(word);
    }

    Status corrupt(std::string line) {
        why_ = std::move(line);
        return Err{Fault::image_corrupt};
    }

    int fd_;
    std::uint64_t at_;
    std::uint64_t records_ = 0;
    std::string& why_;
};

static_assert(std::endian::native == std::endian::little, "records are written in the host's byte order");

}  // namespace

Status find_image_end(int fd, std::uint64_t& end_bytes, std::string& why) {
    const off_t begin = ::lseek(fd, 0, SEEK_CUR);
    if (begin < 0) {
        why = "an image can only be checked in a file";
        return Err{Fault::invalid_argument};
    }
    Walk walk{fd, static_cast<std::uint64_t>(begin), why};
    BALLAST_CHECK(walk.libxl_stream());
    end_bytes = walk.at();
    return {};
}

}  // namespace ballast::xen
