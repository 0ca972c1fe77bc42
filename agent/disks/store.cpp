#include "agent/disks/store.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include <fmt/core.h>

#include "agent/core/store_paths.hpp"
#include "agent/disks/file_copy.hpp"
#include "agent/disks/golden_seal.hpp"
#include "agent/disks/qcow2.hpp"
#include "shell/durable_file.hpp"
#include "shell/unique_fd.hpp"

namespace ballast::agent {
namespace {

constexpr std::size_t secret_text_bytes = 37;  // a uuid and a line feed

Status failed(std::string_view what, const std::string& path, std::string& why) {
    why = fmt::format("{} {}: {}", what, path, std::strerror(errno));
    switch (errno) {
        case ENOSPC:
        case EDQUOT: return Err{Fault::no_disk_space};
        case ENOENT: return Err{Fault::not_found};
        case EEXIST: return Err{Fault::already_exists};
        default: return Err{Fault::io_failed};
    }
}

bool same_file(const std::string& a, const std::string& b) {
    struct stat first {};
    struct stat second {};
    return ::lstat(a.c_str(), &first) == 0 && ::lstat(b.c_str(), &second) == 0 &&
           first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

// The length of a file or block device.
Result<std::uint64_t> length_of(int fd) {
    const off_t end = ::lseek(fd, 0, SEEK_END);
    if (end < 0) {
        return Err{Fault::io_failed};
    }
    return static_cast<std::uint64_t>(end);
}

Status write_all(int fd, std::string_view bytes, const std::string& path, std::string& why) {
    while (!bytes.empty()) {
        const ssize_t put = ::write(fd, bytes.data(), bytes.size());
        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put < 0) {
            return failed("cannot write", path, why);
        }
        bytes.remove_prefix(static_cast<std::size_t>(put));
    }
    return ::fsync(fd) == 0 ? Status{} : failed("cannot sync", path, why);
}

// What a template's first bytes say of its format.
std::optional<std::uint64_t> disk_of_qcow2(int fd) {
    std::string head(qcow2_head_bytes, '\0');
    const ssize_t got = ::pread(fd, head.data(), head.size(), 0);
    return got == static_cast<ssize_t>(head.size()) ? qcow2_disk_bytes(head) : std::nullopt;
}

Status write_overlay(int to, int from, std::uint64_t size_bytes, const std::string& template_path,
                     const std::string& path, std::string& why) {
    const std::optional<std::uint64_t> inner_bytes = disk_of_qcow2(from);
    const std::uint64_t template_bytes = inner_bytes ? *inner_bytes : BALLAST_TRY(length_of(from));
    if (size_bytes != 0 && size_bytes < template_bytes) {
        why = fmt::format("the disk is to be {} bytes, and its template has {}", size_bytes, template_bytes);
        return Err{Fault::invalid_argument};
    }
    std::string file;
    const Status made = make_overlay(size_bytes != 0 ? size_bytes : template_bytes / 512 * 512, template_path,
                                     inner_bytes.has_value(), file);
    if (!made.ok()) {
        why =
            fmt::format("no overlay of {} bytes can be laid over {}: expected a multiple of 512, at most {}",
                        size_bytes, template_path, overlay_bytes_max);
        return made;
    }
    return write_all(to, file, path, why);
}

}  // namespace

std::string Store::full_path(std::string_view path) const {
    return path.starts_with('/') ? std::string{path} : fmt::format("{}/{}", directory_, path);
}

std::string Store::temporary_path(std::string_view path, std::uint64_t job_id) const {
    return fmt::format("{}.{:016x}.tmp", full_path(path), job_id);
}

std::string Store::probe_path(std::uint64_t probe_id) const {
    return fmt::format("{}/.ballast-probe-{:016x}", directory_, probe_id);
}

Status Store::facts(StoreFacts& out, std::string& why) const {
    struct stat status {};
    struct statvfs space {};
    if (::stat(directory_.c_str(), &status) != 0 || ::statvfs(directory_.c_str(), &space) != 0) {
        return failed("cannot look at", directory_, why);
    }
    out.identity = {status.st_dev, status.st_ino};
    out.free_bytes = std::uint64_t{space.f_bavail} * space.f_frsize;
    return {};
}

Status Store::probe(const wire::StoreProbe& probe, std::string& why) const {
    const std::string path = probe_path(probe.probe_id);
    const std::string secret = fmt::format("{}\n", to_text(probe.secret).view());
    switch (probe.step) {
        case wire::StoreStep::write: return write_durable(path, secret, why);
        case wire::StoreStep::erase: return remove_durable(path, why);
        case wire::StoreStep::check: break;
    }
    std::string found;
    const Status read = read_bounded(path, secret_text_bytes, found, why);
    if (read.ok() && found != secret) {
        why = path + " holds another secret";
    }
    return read.ok() && found == secret ? Status{} : Status{Err{Fault::storage_mismatch}};
}

// ---- files that are there as a whole or not at all ----

Status Store::make_parents(std::string_view path, std::string& why) const {
    for (std::size_t slash = path.find('/'); slash != std::string_view::npos;
         slash = path.find('/', slash + 1)) {
        const std::string directory = full_path(path.substr(0, slash));
        if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) {
            return failed("cannot create", directory, why);
        }
        // Also when it was there: a worker that was killed may have made it, but not for good.
        BALLAST_CHECK(sync_directory(directory_of(directory), why));
    }
    return {};
}

// `done` when a worker of this job has published the file already.
Status Store::begin(std::string_view path, std::uint64_t job_id, bool again, bool& done,
                    std::string& why) const {
    const std::string file = full_path(path);
    const std::string temporary = temporary_path(path, job_id);
    done = again && same_file(file, temporary);
    struct stat status {};
    if (!done && ::lstat(file.c_str(), &status) == 0) {
        // Perhaps another's: better a failure that is sorted out than somebody else's data.
        why = file + " is there already";
        return Err{Fault::already_exists};
    }
    if (done) {
        // Perhaps it was killed before the name was on disk.
        return sync_directory(directory_of(file), why);
    }
    BALLAST_CHECK(make_parents(path, why));
    return ::unlink(temporary.c_str()) == 0 || errno == ENOENT ? Status{}
                                                               : failed("cannot delete", temporary, why);
}

// A link, unlike a rename, never replaces a file; the temporary name stays until finish(), as the proof whose
// it is.
Status Store::publish(std::string_view path, std::uint64_t job_id, std::string& why) const {
    const std::string file = full_path(path);
    if (::link(temporary_path(path, job_id).c_str(), file.c_str()) != 0) {
        return failed("cannot create", file, why);
    }
    return sync_directory(directory_of(file), why);
}

void Store::finish(std::string_view path, std::uint64_t job_id) const {
    ::unlink(temporary_path(path, job_id).c_str());
}

Status Store::fill(int to, const wire::Volume& volume, const Progress& progress, std::string& why) const {
    const std::string path = full_path(volume.path);
    if (volume.source == wire::VolumeSource::blank) {
        if (::ftruncate(to, static_cast<off_t>(volume.size_bytes)) != 0) {
            return failed("cannot give its length to", path, why);
        }
        return ::fsync(to) == 0 ? Status{} : failed("cannot sync", path, why);
    }
    const std::string template_path = full_path(volume.template_path);
    const UniqueFd from{::open(template_path.c_str(), O_RDONLY | O_CLOEXEC)};
    if (!from) {
        return failed("cannot open the template", template_path, why);
    }
    if (volume.source == wire::VolumeSource::overlay) {
        return write_overlay(to, from.get(), volume.size_bytes, template_path, path, why);
    }
    const std::uint64_t length = BALLAST_TRY(length_of(from.get()));
    return copy_file(
        from.get(), to, length, [&](std::uint64_t done) { progress(done, length); }, why);
}

Status Store::create(const wire::Volume& volume, std::uint64_t job_id, bool again, const Progress& progress,
                     std::string& why) const {
    return make(
        volume.path, job_id, again, [&](int to) { return fill(to, volume, progress, why); }, why);
}

Status Store::keep(int from, std::uint64_t length_bytes, std::string_view path, std::uint64_t job_id,
                   bool again, const Progress& progress, std::string& why) const {
    return make(
        path, job_id, again,
        [&](int to) -> Status {
            BALLAST_CHECK(copy_file(
                from, to, length_bytes, [&](std::uint64_t done) { progress(done, length_bytes); }, why));
            return seal_golden(from, to, length_bytes, why);
        },
        why);
}

Status Store::make(std::string_view path, std::uint64_t job_id, bool again,
                   const std::function<Status(int)>& fill_file, std::string& why) const {
    bool done = false;
    BALLAST_CHECK(begin(path, job_id, again, done, why));
    if (done) {
        return {};
    }
    const std::string temporary = temporary_path(path, job_id);
    Status status;
    {
        const UniqueFd to{
            ::open(temporary.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600)};
        status = to ? fill_file(to.get()) : failed("cannot create", temporary, why);
    }
    status = status.ok() ? publish(path, job_id, why) : status;
    if (!status.ok()) {
        finish(path, job_id);
    }
    return status;
}

Status Store::remove(std::string_view path, std::string& why) const {
    const std::string file = full_path(path);
    if (::unlink(file.c_str()) != 0 && errno != ENOENT) {
        return errno == ENOTDIR ? Status{} : failed("cannot delete", file, why);
    }
    // Also when it was not there: a worker that was killed may have removed it, but not for good.
    const Status synced = sync_directory(directory_of(file), why);
    return synced.fault() == Fault::not_found ? Status{} : synced;
}

}  // namespace ballast::agent
