#include "xen_glue/xen/image_io.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>

namespace ballast::xen {
namespace {

// Neither a pipe nor a local socket can be waited on for "at least 16 bytes" (MSG_WAITALL does not wait when
// it only peeks at a local socket); this is how long between two looks. Writers hand the header over in one
// piece, so that the second look is rare.
constexpr long look_again_ns = 2'000'000;

void wait_for(int fd, short events) noexcept {
    pollfd descriptor{.fd = fd, .events = events, .revents = 0};
    poll(&descriptor, 1, -1);
}

bool interrupted_or_not_ready(int fd, short events) noexcept {
    if (errno == EINTR) {
        return true;
    }
    if (errno == EAGAIN) {
        wait_for(fd, events);
        return true;
    }
    return false;
}

Status ended_early(std::size_t got, std::size_t wanted, std::string& why) {
    why = fmt::format("the image ends after {} of {} bytes of its head", got, wanted);
    return Err{Fault::image_corrupt};
}

Status broken(std::string_view doing, std::string& why) {
    const int error = errno;
    why = fmt::format("{}: {}", doing, strerrordesc_np(error));
    switch (error) {
        case ENOSPC:
        case EDQUOT: return Err{Fault::no_disk_space};
        case EPIPE:
        case ECONNRESET:
        case ETIMEDOUT: return Err{Fault::connection_lost};
        default: return Err{Fault::io_failed};
    }
}

// All of a pipe's content stays where it is: `tee` copies it into a second pipe, which is thrown away.
class PipePeek {
  public:
    PipePeek() noexcept {
        if (pipe2(ends_, O_CLOEXEC | O_NONBLOCK) != 0) {
            ends_[0] = ends_[1] = -1;
        }
    }
    ~PipePeek() {
        if (ends_[0] >= 0) {
            close(ends_[0]);
            close(ends_[1]);
        }
    }
    PipePeek(const PipePeek&) = delete;
    PipePeek& operator=(const PipePeek&) = delete;

    // How many bytes it got: 0 at the end of the input, -1 with errno set.
    ssize_t look(int fd, std::span<std::byte> out) noexcept {
        const ssize_t copied = tee(fd, ends_[1], out.size(), 0);
        return copied <= 0 ? copied : ::read(ends_[0], out.data(), static_cast<std::size_t>(copied));
    }

  private:
    int ends_[2];
};

// Bytes that wait in a pipe or socket, or -1.
int waiting_bytes(int fd) noexcept {
    int count = 0;
    return ioctl(fd, FIONREAD, &count) == 0 ? count : -1;
}

bool writer_gone(int fd) noexcept {
    pollfd descriptor{.fd = fd, .events = POLLRDHUP, .revents = 0};
    return poll(&descriptor, 1, 0) > 0;
}

// Until `count` bytes wait, or no more can come.
void wait_for_bytes(int fd, std::size_t count) noexcept {
    wait_for(fd, POLLIN);
    while (waiting_bytes(fd) < static_cast<int>(count) && !writer_gone(fd)) {
        const timespec pause{.tv_sec = 0, .tv_nsec = look_again_ns};
        nanosleep(&pause, nullptr);
    }
}

}  // namespace

Status read_exactly(int fd, std::span<std::byte> out, std::string& why) {
    std::size_t got = 0;
    while (got < out.size()) {
        const ssize_t n = ::read(fd, out.data() + got, out.size() - got);
        if (n > 0) {
            got += static_cast<std::size_t>(n);
        } else if (n == 0) {
            return ended_early(got, out.size(), why);
        } else if (!interrupted_or_not_ready(fd, POLLIN)) {
            return broken("reading the image", why);
        }
    }
    return {};
}

Status write_all(int fd, std::string_view bytes, std::string& why) {
    while (!bytes.empty()) {
        const ssize_t n = ::write(fd, bytes.data(), bytes.size());
        if (n >= 0) {
            bytes.remove_prefix(static_cast<std::size_t>(n));
        } else if (!interrupted_or_not_ready(fd, POLLOUT)) {
            return broken("writing the image", why);
        }
    }
    return {};
}

Status read_image_head(int fd, std::string& json, std::string& why) {
    std::array<std::byte, image_header_bytes> header{};
    BALLAST_CHECK(read_exactly(fd, header, why));
    const ImageHeader parsed = BALLAST_TRY(parse_image_header(header, why));
    std::string optional(parsed.optional_data_bytes, '\0');
    const std::span<std::byte> bytes = std::as_writable_bytes(std::span{optional});
    BALLAST_CHECK(read_exactly(fd, bytes, why));
    std::string_view text;
    BALLAST_CHECK(parse_optional_data(bytes, text, why));
    json = text;
    return {};
}

Status peek_stream_header(int fd, std::array<std::byte, stream_header_bytes>& out, std::string& why) {
    struct stat status {};
    if (fstat(fd, &status) != 0) {
        return broken("looking at the image", why);
    }
    ssize_t got = -1;
    if (S_ISREG(status.st_mode) || S_ISBLK(status.st_mode)) {
        got = pread(fd, out.data(), out.size(), lseek(fd, 0, SEEK_CUR));
    } else if (S_ISSOCK(status.st_mode)) {
        wait_for_bytes(fd, out.size());
        got = recv(fd, out.data(), out.size(), MSG_PEEK | MSG_DONTWAIT);
    } else if (S_ISFIFO(status.st_mode)) {
        wait_for_bytes(fd, out.size());
        PipePeek peek;
        got = peek.look(fd, out);
    } else {
        why = "an image is read from a file, a pipe or a socket";
        return Err{Fault::invalid_argument};
    }
    if (got < 0) {
        return broken("looking at the image's memory stream", why);
    }
    if (static_cast<std::size_t>(got) < out.size()) {
        return ended_early(static_cast<std::size_t>(got), out.size(), why);
    }
    return {};
}

bool writable_end_is_healthy(int fd) noexcept {
    pollfd descriptor{.fd = fd, .events = POLLOUT, .revents = 0};
    return poll(&descriptor, 1, 0) >= 0 && (descriptor.revents & (POLLERR | POLLHUP | POLLNVAL)) == 0;
}

}  // namespace ballast::xen
