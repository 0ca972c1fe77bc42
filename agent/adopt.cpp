#include "agent/adopt.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include <fmt/core.h>

#include "agent/save_files.hpp"
#include "agent/worker_lock.hpp"

namespace ballast::agent {
namespace {

Status adopting_failed(std::string& why, std::string_view what, const std::string& path) {
    why = fmt::format("cannot {} {}: {}", what, path, std::strerror(errno));
    return Err{Fault::io_failed};
}

// Whose image it is; its trailer says so when it has one, else the image itself.
Status identify(Hypervisor& hypervisor, int fd, wire::SavedGuest& guest, bool& sealed, std::string& why) {
    const Status has_trailer = SaveFiles::check(fd, guest);
    sealed = has_trailer.ok();
    if (sealed) {
        return {};
    }
    if (has_trailer.fault() == Fault::io_failed) {
        why = "the end of the file cannot be read";
        return has_trailer;
    }
    Domain found;
    std::uint64_t image_bytes = 0;
    const Status status = hypervisor.identify_image(fd, found, image_bytes);
    struct stat file {};
    if (!status.ok()) {
        why = fmt::format("this is not a whole image of a saved guest: {}", hypervisor.last_error());
        return status;
    }
    if (::fstat(fd, &file) != 0 || static_cast<std::uint64_t>(file.st_size) != image_bytes) {
        why = fmt::format("the image ends at byte {}, but the file has {} bytes", image_bytes, file.st_size);
        return Err{Fault::image_corrupt};
    }
    guest.uuid = found.uuid;
    guest.name = found.name;
    guest.memory_kib = found.memory_kib;
    guest.type = found.type;
    guest.vcpus = found.vcpus;
    return {};
}

Status check_absent(Hypervisor& hypervisor, const SaveFiles& files, const wire::SavedGuest& guest,
                    std::string& why) {
    Domain domain;
    const Status found = hypervisor.find(guest.uuid, domain);
    if (found.ok()) {
        why = fmt::format("{} has a domain on this host: its saved image is out of date", guest.name.view());
        return Err{Fault::state_conflict};
    }
    if (found.fault() != Fault::not_found) {
        why = hypervisor.last_error();
        return found;
    }
    SaveState saved;
    if (const Status looked = files.look(guest.uuid, saved); !looked.ok()) {
        why = fmt::format("{} cannot be opened", files.complete_path(guest.uuid));
        return looked;
    }
    if (saved.partial || saved.complete || saved.consumed) {
        why = fmt::format("there is already a save file of {} ({})", guest.name.view(),
                          files.complete_path(guest.uuid));
        return Err{Fault::already_exists};
    }
    return {};
}

}  // namespace

Status adopt_saved(const AgentConfig& config, const std::string& path, wire::SavedGuest& guest,
                   std::string& why) {
    const UniqueFd fd{::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW)};
    if (!fd) {
        return adopting_failed(why, "open", path);
    }
    const std::unique_ptr<Hypervisor> hypervisor = open_hypervisor(config.hypervisor, why);
    if (!hypervisor) {
        return Err{Fault::hypervisor_unavailable};
    }
    bool sealed = false;
    BALLAST_CHECK(identify(*hypervisor, fd.get(), guest, sealed, why));
    UniqueFd lock;
    BALLAST_CHECK(lock_guest(config.run_dir, guest.uuid, lock, why));
    const SaveFiles files{config.save_dir};
    BALLAST_CHECK(check_absent(*hypervisor, files, guest, why));
    if (!sealed) {
        BALLAST_CHECK(SaveFiles::seal(fd.get(), guest, why));
    } else if (::fsync(fd.get()) != 0) {  // whoever copied it here need not have waited for the disk
        return adopting_failed(why, "put on disk", path);
    }
    if (::fchmod(fd.get(), S_IRUSR | S_IWUSR) != 0) {
        return adopting_failed(why, "take from others the right to read", path);
    }
    if (::rename(path.c_str(), files.complete_path(guest.uuid).c_str()) != 0) {
        if (errno == EXDEV) {
            why = fmt::format("{} lies on another file system than {}: move it there first, then adopt it",
                              path, config.save_dir);
            return Err{Fault::io_failed};
        }
        return adopting_failed(why, "move to the save files", path);
    }
    return files.sync(why);
}

}  // namespace ballast::agent
