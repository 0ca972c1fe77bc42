#include "agent/disks/file_copy.hpp"

#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include <fmt/core.h>

namespace ballast::agent {
namespace {

// What is copied between two reports of progress.
constexpr std::uint64_t piece_bytes = 16 * 1024 * 1024;
constexpr std::size_t buffer_bytes = 1024 * 1024;

Status copy_failed(std::string_view what, std::string& why) {
    why = fmt::format("{}: {}", what, std::strerror(errno));
    return Err{errno == ENOSPC || errno == EDQUOT ? Fault::no_disk_space : Fault::io_failed};
}

// For file systems between which the kernel does not copy by itself.
Status copy_by_hand(int from, int to, std::uint64_t at, std::uint64_t end, std::string& why) {
    std::vector<char> buffer(buffer_bytes);
    while (at < end) {
        const ssize_t got = ::pread(from, buffer.data(), std::min<std::uint64_t>(buffer.size(), end - at),
                                    static_cast<off_t>(at));
        if (got <= 0) {
            errno = got == 0 ? EIO : errno;
            return copy_failed("cannot read what is copied", why);
        }
        for (ssize_t done = 0; done < got;) {
            const ssize_t put = ::pwrite(to, buffer.data() + done, static_cast<std::size_t>(got - done),
                                         static_cast<off_t>(at) + done);
            if (put < 0) {
                return copy_failed("cannot write the copy", why);
            }
            done += put;
        }
        at += static_cast<std::uint64_t>(got);
    }
    return {};
}

Status copy_range(int from, int to, std::uint64_t at, std::uint64_t end, std::string& why) {
    while (at < end) {
        auto in = static_cast<off_t>(at);
        auto out = static_cast<off_t>(at);
        const ssize_t copied = ::copy_file_range(from, &in, to, &out, end - at, 0);
        if (copied < 0 && (errno == EXDEV || errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP)) {
            return copy_by_hand(from, to, at, end, why);
        }
        if (copied <= 0) {
            errno = copied == 0 ? EIO : errno;
            return copy_failed("cannot copy", why);
        }
        at += static_cast<std::uint64_t>(copied);
    }
    return {};
}

}  // namespace

Status copy_file(int from, int to, std::uint64_t length_bytes,
                 const std::function<void(std::uint64_t)>& progress, std::string& why) {
    if (::ioctl(to, FICLONE, from) == 0) {
        return ::fsync(to) == 0 ? Status{} : copy_failed("cannot sync the copy", why);
    }
    if (::ftruncate(to, static_cast<off_t>(length_bytes)) != 0) {
        return copy_failed("cannot make the copy as long as the original", why);
    }
    for (std::uint64_t at = 0; at < length_bytes;) {
        // A file system (or block device) that knows no holes says that all is data.
        const off_t data = ::lseek(from, static_cast<off_t>(at), SEEK_DATA);
        if (data < 0 && errno == ENXIO) {
            break;  // only a hole is left
        }
        const std::uint64_t begin = data < 0 ? at : static_cast<std::uint64_t>(data);
        const off_t hole = data < 0 ? -1 : ::lseek(from, data, SEEK_HOLE);
        const std::uint64_t end =
            hole < 0 ? length_bytes : std::min(static_cast<std::uint64_t>(hole), length_bytes);
        for (at = begin; at < end;) {
            const std::uint64_t piece_end = std::min(end, at + piece_bytes);
            BALLAST_CHECK(copy_range(from, to, at, piece_end, why));
            at = piece_end;
            progress(at);
        }
        at = std::max(at, end);
    }
    progress(length_bytes);
    return ::fsync(to) == 0 ? Status{} : copy_failed("cannot sync the copy", why);
}

}  // namespace ballast::agent
