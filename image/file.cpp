#include "image/file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "image/failure.hpp"
#include "shell/durable_file.hpp"

namespace ballast::image {

Status open_file(const std::string& path, int flags, NamedFd& out, std::string& why) {
    out.path = path;
    out.fd.reset(::open(path.c_str(), flags | O_CLOEXEC, S_IRUSR | S_IWUSR));
    if (!out.fd) {
        return system_failure(path, "open", errno, why);
    }
    return {};
}

Status read_exactly(const NamedFd& file, std::uint64_t offset, std::span<std::byte> into, std::string& why) {
    while (!into.empty()) {
        const ssize_t got = ::pread(file.fd.get(), into.data(), into.size(), static_cast<off_t>(offset));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return system_failure(file.path, "read", errno, why);
        }
        if (got == 0) {
            return content_failure(file.path,
                                   "ends at byte " + std::to_string(offset) + ", " +
                                       std::to_string(into.size()) + " more were expected",
                                   Fault::image_corrupt, why);
        }
        into = into.subspan(static_cast<std::size_t>(got));
        offset += static_cast<std::uint64_t>(got);
    }
    return {};
}

Status write_exactly(const NamedFd& file, std::uint64_t offset, std::span<const std::byte> bytes,
                     std::string& why) {
    while (!bytes.empty()) {
        const ssize_t put = ::pwrite(file.fd.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put < 0) {
            return system_failure(file.path, "write", errno, why);
        }
        bytes = bytes.subspan(static_cast<std::size_t>(put));
        offset += static_cast<std::uint64_t>(put);
    }
    return {};
}

Status sync_file(const NamedFd& file, std::string& why) {
    if (::fdatasync(file.fd.get()) != 0) {
        return system_failure(file.path, "sync", errno, why);
    }
    return {};
}

Status rename_durable(const std::string& from, const std::string& to, std::string& why) {
    if (::rename(from.c_str(), to.c_str()) != 0) {
        return system_failure(from, "rename to " + to, errno, why);
    }
    return sync_directory(directory_of(to), why);
}

}  // namespace ballast::image
