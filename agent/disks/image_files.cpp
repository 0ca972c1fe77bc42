#include "agent/disks/image_files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include <fmt/core.h>

#include "agent/images/protocol.hpp"
#include "shell/durable_file.hpp"
#include "shell/log.hpp"

namespace ballast::agent {
namespace {

// An unfinished image may be of a transfer that pauses: none lasts longer than its order may.
constexpr std::int64_t unfinished_hours_min = 25;
// Far more than images in one directory.
constexpr std::size_t directory_entries_max = 65536;

bool exists(const std::string& path) {
    struct stat status {};
    return ::lstat(path.c_str(), &status) == 0;
}

bool has_both_names(const std::string& a, const std::string& b) {
    struct stat one {};
    struct stat other {};
    return ::lstat(a.c_str(), &one) == 0 && ::lstat(b.c_str(), &other) == 0 && one.st_dev == other.st_dev &&
           one.st_ino == other.st_ino;
}

// 0 or -1 with errno. NFS and others cannot rename without replacing; a link never replaces. Killed in
// between, the file has both names: the next call goes on from there.
int rename_without_replacing(const std::string& from, const std::string& to) {
    if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) {
        return 0;
    }
    if ((errno == EINVAL || errno == ENOSYS) && ::link(from.c_str(), to.c_str()) == 0) {
        return ::unlink(from.c_str());
    }
    if (errno == EEXIST) {
        if (has_both_names(from, to)) {
            return ::unlink(from.c_str());
        }
        errno = EEXIST;
    }
    return -1;
}

// Ok also when `from` is not there; never over another file.
Status rename_if_there(const std::string& from, const std::string& to, std::string& why) {
    if (rename_without_replacing(from, to) != 0 && errno != ENOENT) {
        const Fault fault = errno == EEXIST ? Fault::already_exists : Fault::io_failed;
        why = fmt::format("cannot rename {} to {}: {}", from, to, std::strerror(errno));
        return Err{fault};
    }
    return sync_directory(directory_of(to), why);
}

// Seconds since 1970 in FILE.left-SECONDS, or in its index; 0 for any other name.
std::int64_t left_at(std::string_view name) {
    const std::string_view infix{left_infix};
    const std::size_t at = name.rfind(infix);
    if (at == std::string_view::npos) {
        return 0;
    }
    std::string_view digits = name.substr(at + infix.size());
    if (digits.ends_with(index_suffix)) {
        digits.remove_suffix(std::strlen(index_suffix));
    }
    std::int64_t seconds_unix = 0;
    const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), seconds_unix);
    return parsed.ec == std::errc{} && parsed.ptr == digits.data() + digits.size() ? seconds_unix : 0;
}

// When an image of this place left, not before `since_s`; 0: none did.
std::int64_t has_left_since(const std::string& path, std::int64_t since_s) {
    std::vector<std::string> names;
    std::string why;
    // What cannot be listed cannot be renamed either.
    (void)list_directory(directory_of(path), "", directory_entries_max, names, why);
    const std::string image = path.substr(path.rfind('/') + 1) + left_infix;
    for (const std::string& name : names) {
        const std::int64_t left_s = left_at(name);
        if (left_s >= since_s && left_s != 0 && name == image + std::to_string(left_s)) {
            return left_s;
        }
    }
    return 0;
}

bool is_unfinished(std::string_view name) {
    return name.ends_with(incoming_image_suffix) || name.ends_with(sent_suffix) ||
           name.ends_with(fmt::format("{}{}", incoming_image_suffix, journal_suffix));
}

}  // namespace

Status publish_images(const ImageDisks& disks, std::string& why) {
    for (const ImageDisk& disk : disks) {
        const std::string path{disk.path.view()};
        const std::string incoming = path + incoming_image_suffix;
        if (!exists(incoming)) {
            why = incoming + " is gone";
            return Err{Fault::not_found};
        }
        BALLAST_CHECK(rename_if_there(incoming, path, why));
    }
    return {};
}

std::uint64_t file_id(const std::string& path) {
    struct statx status {};
    if (::statx(AT_FDCWD, path.c_str(), AT_SYMLINK_NOFOLLOW, STATX_INO | STATX_BTIME, &status) != 0) {
        return 0;
    }
    // An inode's number is given to the next file as soon as it is free; the time of birth (0 where the file
    // system keeps none) is not.
    const auto born =
        static_cast<std::uint64_t>(status.stx_btime.tv_sec) * 1'000'000'000 + status.stx_btime.tv_nsec;
    constexpr std::uint64_t odd = 0x9e37'79b9'7f4a'7c15;
    return (status.stx_ino + born * odd) | 1;
}

Status retract_images(const ImageDisks& disks, std::string& why) {
    for (const ImageDisk& disk : disks) {
        const std::string path{disk.path.view()};
        const std::string incoming = path + incoming_image_suffix;
        const bool came = disk.file_id == 0 || disk.file_id == file_id(path);
        if (came && (!exists(incoming) || has_both_names(path, incoming))) {
            BALLAST_CHECK(rename_if_there(path, incoming, why));
        }
    }
    return {};
}

Status retire_images(const ImageDisks& disks, WallTime begun, WallTime now, std::string& why) {
    for (const ImageDisk& disk : disks) {
        const std::string path{disk.path.view()};
        const std::int64_t before_s = has_left_since(path, begun.unix_ms / 1000);
        const std::string left =
            fmt::format("{}{}{}", path, left_infix, before_s != 0 ? before_s : now.unix_ms / 1000);
        if (before_s != 0 && exists(path) && !has_both_names(path, left)) {
            BALLAST_CHECK(sync_directory(directory_of(path), why));
            continue;
        }
        BALLAST_CHECK(rename_if_there(path, left, why));
        BALLAST_CHECK(rename_if_there(path + index_suffix, left + index_suffix, why));
        (void)::unlink((path + sent_suffix).c_str());
    }
    return {};
}

bool images_vacant(const ImageDisks& disks, std::string& why) {
    const auto taken = std::find_if(disks.begin(), disks.end(), [](const ImageDisk& disk) {
        return exists(std::string{disk.path.view()});
    });
    if (taken != disks.end()) {
        why = fmt::format("{} is there already, and is not overwritten", taken->path.view());
    }
    return taken == disks.end();
}

void sweep_images(const std::string& directory, std::uint32_t keep_hours, WallTime now) {
    const std::int64_t now_s = now.unix_ms / 1000;
    const std::int64_t keep_s = std::int64_t{keep_hours} * 3600;
    const std::int64_t unfinished_s = std::max<std::int64_t>(keep_s, unfinished_hours_min * 3600);
    std::error_code over;
    std::filesystem::recursive_directory_iterator files{directory, over};
    for (; !over && files != std::filesystem::end(files); files.increment(over)) {
        const std::string path = files->path().string();
        const std::string_view name{path};
        struct stat status {};
        const std::int64_t left_s = left_at(name);
        const bool expired = left_s > 0 ? now_s - left_s > keep_s
                                        : is_unfinished(name) && ::lstat(path.c_str(), &status) == 0 &&
                                              now_s - status.st_mtim.tv_sec > unfinished_s;
        if (expired && ::unlink(path.c_str()) == 0) {
            log_notice("{} was kept for {} hours, and is deleted", path,
                       (left_s > 0 ? keep_s : unfinished_s) / 3600);
        }
    }
}

}  // namespace ballast::agent
