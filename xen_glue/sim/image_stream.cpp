#include "xen_glue/sim/image_stream.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>

#include "base/prng.hpp"
#include "xen_glue/sim/sim_host.hpp"
#include "xen_glue/sim/state_file.hpp"

namespace ballast::sim {
namespace {

constexpr std::uint32_t filler_pattern_bytes = 64;
constexpr std::uint32_t filler_noise_bytes = 16;  // of each pattern: memory compresses about four times

Fault fault_of_errno(int error) noexcept {
    switch (error) {
        case EPIPE:
        case ECONNRESET: return Fault::connection_lost;
        case ENOSPC:
        case EDQUOT:
        case EFBIG: return Fault::no_disk_space;
        default: return Fault::io_failed;
    }
}

// False when the call may be repeated (after waiting for a non-blocking descriptor to be ready).
bool failed_for_good(int fd, short wanted) noexcept {
    if (errno == EINTR) {
        return false;
    }
    if (errno != EAGAIN) {
        return true;
    }
    pollfd poll_fd{fd, wanted, 0};
    return poll(&poll_fd, 1, -1) < 0 && errno != EINTR;
}

struct StreamEnd {
    int fd = -1;
    XXH64_state_t hash{};

    explicit StreamEnd(int fd_) : fd{fd_} { XXH64_reset(&hash, 0); }

    Status write_all(std::string_view bytes) {
        XXH64_update(&hash, bytes.data(), bytes.size());
        while (!bytes.empty()) {
            const ssize_t written = write(fd, bytes.data(), bytes.size());
            if (written >= 0) {
                bytes.remove_prefix(static_cast<std::size_t>(written));
            } else if (failed_for_good(fd, POLLOUT)) {
                return Err{fault_of_errno(errno)};
            }
        }
        return {};
    }

    Status read_exactly(char* out, std::size_t count) {
        std::size_t have = 0;
        while (have < count) {
            const ssize_t got = read(fd, out + have, count - have);
            if (got == 0) {
                return Err{is_regular_file(fd) ? Fault::image_corrupt : Fault::connection_lost};
            }
            if (got > 0) {
                have += static_cast<std::size_t>(got);
            } else if (failed_for_good(fd, POLLIN)) {
                return Err{fault_of_errno(errno)};
            }
        }
        XXH64_update(&hash, out, count);
        return {};
    }
};

}  // namespace

struct ImageWriter::Impl : StreamEnd {
    using StreamEnd::StreamEnd;
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;
    ~Impl() {
        if (disk >= 0) {
            ::close(disk);
        }
    }
    std::string buffer;
    Prng noise{1};
    int disk = -1;  // the guest's first raw one
    std::uint64_t disk_blocks = 0;
    std::uint64_t whole_pages = 0;  // so far

    Status record(RecordType type, std::string_view payload) {
        buffer.clear();
        append_record_head(buffer, type, static_cast<std::uint32_t>(payload.size()));
        buffer.append(payload);
        return write_all(buffer);
    }
    void append_filler(std::size_t count) {
        const std::size_t end = buffer.size() + count;
        while (buffer.size() < end) {
            for (std::uint32_t i = 0; i < filler_noise_bytes / 8; ++i) {
                append_u64(buffer, noise.next());
            }
            buffer.append(filler_pattern_bytes - filler_noise_bytes, '\0');
        }
        buffer.resize(end);
    }
    void open_disk(const DiskList& disks) {
        const auto raw = std::find_if(disks.begin(), disks.end(), [](const DiskSpec& one) {
            return one.format == DiskSpec::Format::raw && !one.target.empty();
        });
        struct stat facts {};
        if (raw != disks.end()) {
            disk = ::open(std::string{raw->target.view()}.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        }
        if (disk >= 0 && ::fstat(disk, &facts) == 0 && S_ISREG(facts.st_mode)) {
            disk_blocks = static_cast<std::uint64_t>(facts.st_size) / page_bytes;
        }
    }
    void append_whole_page() {
        const std::uint64_t number = whole_pages++;
        const std::size_t at = buffer.size();
        const bool cached = number % 4 == 0 && disk_blocks > 0;
        if (cached || number % 8 == 1) {
            buffer.resize(at + page_bytes);
            const auto offset = static_cast<off_t>(cached ? number / 4 % disk_blocks * page_bytes : 0);
            if (cached && ::pread(disk, buffer.data() + at, page_bytes, offset) < 0) {
                disk_blocks = 0;  // it has gone: from here on there is no page cache
            }
        } else if (number % 8 == 5 && at >= page_bytes + record_header_bytes + pages_head_bytes) {
            buffer.append(buffer, at - page_bytes, page_bytes);
        } else {
            append_filler(page_bytes);
        }
    }
};

ImageWriter::ImageWriter(int fd) : impl_{std::make_unique<Impl>(fd)} {}
ImageWriter::~ImageWriter() = default;

Status ImageWriter::begin(const ImageConfig& config) {
    std::string head{image_magic};
    append_u32(head, image_version);
    BALLAST_CHECK(impl_->write_all(head));
    impl_->open_disk(config.spec.disks);
    std::string payload;
    append_config(payload, config);
    return impl_->record(RecordType::config, payload);
}

Status ImageWriter::pages(const PagesHead& head, std::uint32_t bytes_per_page) {
    PagesHead left = head;
    // Without filler, a record holds as many pages as there are.
    constexpr auto filler_bytes_max = static_cast<std::uint32_t>(record_bytes_max - pages_head_bytes);
    const std::uint32_t fitting = filler_bytes_max / std::max(bytes_per_page, 1U);
    while (left.pages > 0) {
        const PagesHead part{head.round, bytes_per_page == 0 ? left.pages : std::min(left.pages, fitting)};
        const std::size_t filler_bytes = std::size_t{part.pages} * bytes_per_page;
        std::string& buffer = impl_->buffer;
        buffer.clear();
        append_record_head(buffer, RecordType::pages,
                           static_cast<std::uint32_t>(pages_head_bytes + filler_bytes));
        append_pages_head(buffer, part);
        if (bytes_per_page == page_bytes) {
            for (std::uint32_t i = 0; i < part.pages; ++i) {
                impl_->append_whole_page();
            }
        } else {
            impl_->append_filler(filler_bytes);
        }
        BALLAST_CHECK(impl_->write_all(buffer));
        left.pages -= part.pages;
    }
    return {};
}

Status ImageWriter::suspended(const CarriedState& state) {
    std::string payload;
    append_carried(payload, state);
    return impl_->record(RecordType::suspended, payload);
}

Status ImageWriter::end(std::uint64_t pages_total) {
    std::string payload;
    append_end(payload, {pages_total, XXH64_digest(&impl_->hash)});
    return impl_->record(RecordType::end, payload);
}

struct ImageReader::Impl : StreamEnd {
    using StreamEnd::StreamEnd;
    std::string payload;

    Status read_head(RecordHead& head) {
        std::array<char, record_header_bytes> bytes{};
        BALLAST_CHECK(read_exactly(bytes.data(), bytes.size()));
        const auto decoded = decode_record_head({bytes.data(), bytes.size()});
        if (!decoded) {
            return Err{Fault::image_corrupt};
        }
        head = *decoded;
        return {};
    }
    Status read_payload(std::uint32_t length) {
        payload.resize(length);
        return read_exactly(payload.data(), length);
    }
};

ImageReader::ImageReader(int fd) : impl_{std::make_unique<Impl>(fd)} {}
ImageReader::~ImageReader() = default;

Status ImageReader::begin(ImageConfig& config) {
    std::string head(image_magic.size() + 4, '\0');
    BALLAST_CHECK(impl_->read_exactly(head.data(), head.size()));
    if (!head.starts_with(image_magic)) {
        return Err{Fault::image_corrupt};
    }
    if (decode_u32(std::string_view{head}.substr(image_magic.size())) != image_version) {
        return Err{Fault::version_mismatch};
    }
    RecordHead record;
    BALLAST_CHECK(impl_->read_head(record));
    if (record.type != RecordType::config) {
        return Err{Fault::image_corrupt};
    }
    BALLAST_CHECK(impl_->read_payload(record.length));
    const auto decoded = decode_config(impl_->payload);
    if (!decoded) {
        return Err{Fault::image_corrupt};
    }
    config = *decoded;
    return {};
}

Status ImageReader::next(Record& record) {
    const std::uint64_t checksum = XXH64_digest(&impl_->hash);
    RecordHead head;
    BALLAST_CHECK(impl_->read_head(head));
    BALLAST_CHECK(impl_->read_payload(head.length));
    const std::string_view payload = impl_->payload;
    record.type = head.type;
    switch (head.type) {
        case RecordType::config: break;  // only at the beginning
        case RecordType::pages: {
            const auto pages = decode_pages_head(payload.substr(0, pages_head_bytes));
            if (!pages || payload.size() > pages_head_bytes + std::uint64_t{pages->pages} * page_bytes) {
                break;
            }
            record.pages = *pages;
            return {};
        }
        case RecordType::suspended:
            if (const auto carried = decode_carried(payload)) {
                record.carried = *carried;
                return {};
            }
            break;
        case RecordType::end:
            if (const auto end = decode_end(payload); end && end->checksum == checksum) {
                record.end = *end;
                return {};
            }
            break;
    }
    return Err{Fault::image_corrupt};
}

Status wait_until(std::int64_t until_boottime_ns, int fd) noexcept {
    for (;;) {
        const std::int64_t left_ns = until_boottime_ns - boottime_ns();
        if (left_ns <= 0) {
            return {};
        }
        // No events are asked for: only errors and hang-ups end the wait. ppoll ignores a negative
        // descriptor.
        pollfd poll_fd{fd, 0, 0};
        const timespec timeout{left_ns / ns_per_s, left_ns % ns_per_s};
        if (ppoll(&poll_fd, 1, &timeout, nullptr) > 0) {
            return Err{Fault::connection_lost};
        }
    }
}

bool is_regular_file(int fd) noexcept {
    struct stat info {};
    return fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
}

}  // namespace ballast::sim
