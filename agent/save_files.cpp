#include "agent/save_files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#define XXH_INLINE_ALL
#include <fmt/core.h>
#include <xxhash.h>

#include "agent/bytes.hpp"
#include "shell/durable_file.hpp"
#include "shell/unique_fd.hpp"

namespace ballast::agent {
namespace {

constexpr std::string_view trailer_magic = "ballast saved 1\n";
constexpr std::size_t trailer_bytes = 256;
constexpr std::string_view complete_suffix = ".save";
constexpr std::string_view consumed_suffix = ".save.consumed";
constexpr std::size_t files_max = 4 * limits::domains_per_host_max;

Status failed(std::string& why, std::string_view what, const std::string& path) {
    why = fmt::format("{} {}: {}", what, path, std::strerror(errno));
    return Err{errno == ENOSPC ? Fault::no_disk_space : Fault::io_failed};
}

Status find_file(const std::string& path, bool& there) {
    struct stat status {};
    const bool found = ::stat(path.c_str(), &status) == 0;
    there = found && S_ISREG(status.st_mode);
    return found || errno == ENOENT ? Status{} : Status{Err{Fault::io_failed}};
}

std::string make_trailer(const wire::SavedGuest& guest, std::uint64_t image_bytes) {
    ByteWriter out;
    out.bytes().append(trailer_magic);
    out.put(image_bytes);
    out.put(guest.uuid);
    out.put(guest.memory_kib);
    out.put(guest.type);
    out.put(guest.vcpus);
    out.put(guest.name);
    out.bytes().resize(trailer_bytes - sizeof(std::uint64_t));
    out.put(static_cast<std::uint64_t>(XXH3_64bits(out.bytes().data(), out.bytes().size())));
    return std::move(out.bytes());
}

Status read_trailer(std::string_view bytes, wire::SavedGuest& guest, std::uint64_t& image_bytes) {
    std::uint64_t checksum = 0;
    ByteReader tail{bytes.substr(trailer_bytes - sizeof checksum)};
    tail.get(checksum);
    bytes.remove_suffix(sizeof checksum);
    if (!bytes.starts_with(trailer_magic) || checksum != XXH3_64bits(bytes.data(), bytes.size())) {
        return Err{Fault::image_corrupt};
    }
    ByteReader in{bytes.substr(trailer_magic.size())};
    in.get(image_bytes);
    in.get(guest.uuid);
    in.get(guest.memory_kib);
    in.get(guest.type, GuestType::hvm);
    in.get(guest.vcpus);
    in.get(guest.name);
    return in.ok() ? Status{} : Status{Err{Fault::image_corrupt}};
}

}  // namespace

std::string SaveFiles::complete_path(const Uuid& uuid) const {
    return fmt::format("{}/{}{}", directory_, to_text(uuid).view(), complete_suffix);
}
std::string SaveFiles::partial_path(const Uuid& uuid) const {
    return complete_path(uuid) + ".tmp";
}
std::string SaveFiles::consumed_path(const Uuid& uuid) const {
    return fmt::format("{}/{}{}", directory_, to_text(uuid).view(), consumed_suffix);
}

Status SaveFiles::look(const Uuid& uuid, SaveState& out) const {
    BALLAST_CHECK(find_file(partial_path(uuid), out.partial));
    BALLAST_CHECK(find_file(consumed_path(uuid), out.consumed));
    const UniqueFd fd{::open(complete_path(uuid).c_str(), O_RDONLY | O_CLOEXEC)};
    if (!fd && errno != ENOENT) {
        return Err{Fault::io_failed};
    }
    const Status whole = fd ? check(fd.get(), out.guest) : Status{Err{Fault::not_found}};
    if (whole.fault() == Fault::io_failed) {
        return whole;
    }
    out.complete = whole.ok() && out.guest.uuid == uuid;
    struct statvfs space {};
    if (::statvfs(directory_.c_str(), &space) == 0) {
        out.disk_free_bytes = std::uint64_t{space.f_bavail} * space.f_frsize;
    }
    return {};
}

Status SaveFiles::perform(FileStep step, const Uuid& uuid, std::string& why) const {
    const auto move = [&](const std::string& from, const std::string& to) {
        if (::rename(from.c_str(), to.c_str()) != 0) {
            return failed(why, "cannot rename", from);
        }
        const Status synced = sync(why);
        if (!synced.ok()) {
            // Whoever looks next must not go on from a name that a crash of the host may take away.
            (void)::rename(to.c_str(), from.c_str());
        }
        return synced;
    };
    switch (step) {
        case FileStep::discard_partial: return remove_durable(partial_path(uuid), why);
        case FileStep::discard_complete: return remove_durable(complete_path(uuid), why);
        case FileStep::discard_consumed: return remove_durable(consumed_path(uuid), why);
        case FileStep::publish: return move(partial_path(uuid), complete_path(uuid));
        case FileStep::consume: return move(complete_path(uuid), consumed_path(uuid));
        case FileStep::retract_images:
        case FileStep::retire_images: break;  // of no save file
    }
    return Err{Fault::invalid_argument};
}

Status SaveFiles::list(FixedVector<wire::SavedGuest, limits::domains_per_host_max>& out,
                       std::string& why) const {
    std::vector<std::string> names;
    BALLAST_CHECK(list_directory(directory_, complete_suffix, files_max, names, why));
    Status unread;
    for (const std::string& name : names) {
        const std::string path = directory_ + "/" + name;
        const UniqueFd fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
        if (!fd && errno != ENOENT) {
            return failed(why, "cannot open", path);
        }
        wire::SavedGuest guest;
        const Status whole = fd ? check(fd.get(), guest) : Status{Err{Fault::not_found}};
        if (whole.fault() == Fault::io_failed) {
            unread = failed(why, "cannot read", path);  // of the others it is said what they are
        }
        if (!whole.ok() || complete_path(guest.uuid) != path) {
            continue;
        }
        if (!out.try_push(guest)) {
            why = fmt::format("{}: more than {} save files", directory_, limits::domains_per_host_max);
            return Err{Fault::limit_reached};
        }
    }
    return unread;
}

Status SaveFiles::images(std::vector<std::string>& paths, std::string& why) const {
    paths.clear();
    for (const std::string_view suffix : {complete_suffix, consumed_suffix}) {
        std::vector<std::string> names;
        BALLAST_CHECK(list_directory(directory_, suffix, files_max, names, why));
        for (const std::string& name : names) {
            paths.push_back(directory_ + "/" + name);
        }
    }
    return {};
}

Status SaveFiles::sync(std::string& why) const {
    return sync_directory(directory_, why);
}

std::uint64_t SaveFiles::mark() const {
    struct stat status {};
    return ::stat(directory_.c_str(), &status) == 0
               ? static_cast<std::uint64_t>(status.st_mtim.tv_sec) * 1'000'000'000U +
                     static_cast<std::uint64_t>(status.st_mtim.tv_nsec)
               : 0;
}

Status SaveFiles::seal(int fd, const wire::SavedGuest& guest, std::string& why) {
    const off_t image_bytes = ::lseek(fd, 0, SEEK_END);
    if (image_bytes < 0) {
        return failed(why, "cannot find the end of", "the image");
    }
    const std::string trailer = make_trailer(guest, static_cast<std::uint64_t>(image_bytes));
    std::string_view left = trailer;
    while (!left.empty()) {
        const ssize_t written = ::write(fd, left.data(), left.size());
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            return failed(why, "cannot write", "the image's trailer");
        }
        left.remove_prefix(static_cast<std::size_t>(written));
    }
    return ::fsync(fd) == 0 ? Status{} : failed(why, "cannot sync", "the image");
}

Status SaveFiles::check(int fd, wire::SavedGuest& guest, std::size_t behind_bytes) {
    struct stat status {};
    if (::fstat(fd, &status) != 0) {
        return Err{Fault::io_failed};
    }
    if (!S_ISREG(status.st_mode) || status.st_size < static_cast<off_t>(trailer_bytes + behind_bytes)) {
        return Err{Fault::image_corrupt};
    }
    char bytes[trailer_bytes];
    const off_t at = status.st_size - static_cast<off_t>(trailer_bytes + behind_bytes);
    const ssize_t got = ::pread(fd, bytes, trailer_bytes, at);
    if (got != static_cast<ssize_t>(trailer_bytes)) {
        return Err{got < 0 ? Fault::io_failed : Fault::image_corrupt};  // cut meanwhile
    }
    std::uint64_t image_bytes = 0;
    BALLAST_CHECK(read_trailer({bytes, trailer_bytes}, guest, image_bytes));
    return image_bytes == static_cast<std::uint64_t>(at) ? Status{} : Status{Err{Fault::image_corrupt}};
}

}  // namespace ballast::agent
