#include "shell/durable_file.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include "shell/unique_fd.hpp"

namespace ballast {
namespace {

Err<Fault> failure(const std::string& path, const char* action, int error, std::string& why) {
    why = path + ": cannot " + action + ": " + std::strerror(error);
    switch (error) {
        case ENOENT: return Err{Fault::not_found};
        case ENOSPC:
        case EDQUOT: return Err{Fault::no_disk_space};
        default: return Err{Fault::io_failed};
    }
}

Status write_all(int fd, std::string_view content, const std::string& path, std::string& why) {
    while (!content.empty()) {
        const ssize_t written = ::write(fd, content.data(), content.size());
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written < 0) {
            return failure(path, "write", errno, why);
        }
        content.remove_prefix(static_cast<std::size_t>(written));
    }
    return {};
}

Status write_synced(const std::string& path, std::string_view content, std::string& why) {
    constexpr int flags = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW;
    UniqueFd fd{::open(path.c_str(), flags, S_IRUSR | S_IWUSR)};
    if (!fd || ::fchmod(fd.get(), S_IRUSR | S_IWUSR) != 0) {
        return failure(path, "create", errno, why);
    }
    BALLAST_CHECK(write_all(fd.get(), content, path, why));
    if (::fsync(fd.get()) != 0) {
        return failure(path, "sync", errno, why);
    }
    // A delayed error of the file system may come as late as this.
    if (::close(fd.release()) != 0) {
        return failure(path, "close", errno, why);
    }
    return {};
}

}  // namespace

std::string directory_of(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    if (slash == std::string::npos) {
        return ".";
    }
    return slash == 0 ? "/" : path.substr(0, slash);
}

Status sync_directory(const std::string& directory, std::string& why) {
    const UniqueFd fd{::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (!fd || ::fsync(fd.get()) != 0) {
        return failure(directory, "sync the directory", errno, why);
    }
    return {};
}

Status write_durable(const std::string& path, std::string_view content, std::string& why) {
    const std::string temporary = path + ".tmp";
    if (const Status written = write_synced(temporary, content, why); !written.ok()) {
        ::unlink(temporary.c_str());
        return written;
    }
    if (::rename(temporary.c_str(), path.c_str()) != 0) {
        const int error = errno;
        ::unlink(temporary.c_str());
        return failure(path, "rename the new file", error, why);
    }
    return sync_directory(directory_of(path), why);
}

Status read_bounded(const std::string& path, std::size_t bytes_max, std::string& content, std::string& why) {
    content.clear();
    // Non-blocking, so that a pipe put in the place of the file cannot hang us.
    const UniqueFd fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
    struct stat status {};
    if (!fd || ::fstat(fd.get(), &status) != 0) {
        return failure(path, "open", errno, why);
    }
    if (!S_ISREG(status.st_mode)) {
        why = path + ": not a regular file";
        return Err{Fault::io_failed};
    }
    // The size may change while we read: what counts is what arrives.
    content.resize(std::min(bytes_max, static_cast<std::size_t>(status.st_size)) + 1);
    std::size_t size = 0;
    while (size < content.size()) {
        const ssize_t got = ::read(fd.get(), content.data() + size, content.size() - size);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return failure(path, "read", errno, why);
        }
        if (got == 0) {
            break;
        }
        size += static_cast<std::size_t>(got);
        if (size == content.size() && size <= bytes_max) {
            content.resize(std::min(bytes_max + 1, size * 2));
        }
    }
    content.resize(size);
    if (size > bytes_max) {
        content.clear();
        why = path + ": larger than " + std::to_string(bytes_max) + " bytes";
        return Err{Fault::limit_reached};
    }
    return {};
}

Status remove_durable(const std::string& path, std::string& why) {
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
        return failure(path, "remove", errno, why);
    }
    // Also when it was not there: an earlier removal may not be on disk yet.
    return sync_directory(directory_of(path), why);
}

Status list_directory(const std::string& directory, std::string_view suffix, std::size_t count_max,
                      std::vector<std::string>& names, std::string& why) {
    names.clear();
    const auto close_directory = [](DIR* open) { ::closedir(open); };
    const std::unique_ptr<DIR, decltype(close_directory)> stream{::opendir(directory.c_str()),
                                                                 close_directory};
    if (!stream) {
        return failure(directory, "list", errno, why);
    }
    while (true) {
        errno = 0;
        const dirent* entry = ::readdir(stream.get());
        if (entry == nullptr) {
            break;
        }
        const std::string_view name{entry->d_name};
        if (name == "." || name == ".." || !name.ends_with(suffix) || name.ends_with(".tmp")) {
            continue;
        }
        if (names.size() == count_max) {
            why = directory + ": more than " + std::to_string(count_max) + " files in it";
            return Err{Fault::limit_reached};
        }
        names.emplace_back(name);
    }
    if (errno != 0) {
        return failure(directory, "list", errno, why);
    }
    std::sort(names.begin(), names.end());
    return {};
}

Status make_directory(const std::string& path, std::string& why) {
    if (::mkdir(path.c_str(), S_IRWXU) == 0) {
        return sync_directory(directory_of(path), why);
    }
    struct stat status {};
    if (errno != EEXIST || ::stat(path.c_str(), &status) != 0) {
        return failure(path, "create the directory", errno, why);
    }
    if (!S_ISDIR(status.st_mode)) {
        why = path + ": exists and is not a directory";
        return Err{Fault::already_exists};
    }
    return {};
}

}  // namespace ballast
