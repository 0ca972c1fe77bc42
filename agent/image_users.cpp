#include "agent/image_users.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include <fmt/core.h>

#include "shell/unique_fd.hpp"

namespace ballast::agent {
namespace {

class Search {
  public:
    Search(Hypervisor& hypervisor, const SaveFiles& files, const Uuid& guest, const ImageDisks& disks,
           std::string& why)
        : hypervisor_{hypervisor}, files_{files}, guest_{guest}, disks_{disks}, why_{why} {
        for (const ImageDisk& disk : disks_) {
            ours_.push(identify(disk.path));
        }
    }

    Status among_domains() {
        DomainList domains;
        if (const Status listed = hypervisor_.list(domains); !listed.ok()) {
            why_ = fmt::format("who else has the guest's images cannot be found out: {}",
                               hypervisor_.last_error());
            return listed;
        }
        for (const Domain& other : domains) {
            if (other.domid != 0 && other.uuid != guest_) {
                BALLAST_CHECK(ask(other));
            }
        }
        return {};
    }

    Status among_saved() {
        std::vector<std::string> paths;
        BALLAST_CHECK(files_.images(paths, why_));
        for (const std::string& path : paths) {
            if (path != files_.complete_path(guest_) && path != files_.consumed_path(guest_)) {
                BALLAST_CHECK(read(path));
            }
        }
        return {};
    }

  private:
    struct File {
        bool there = false;
        dev_t device = 0;
        ino_t number = 0;
    };
    static File identify(const Path& path) {
        struct stat status {};
        const bool there = ::stat(std::string{path.view()}.c_str(), &status) == 0;
        return {.there = there, .device = status.st_dev, .number = status.st_ino};
    }

    Status ask(const Domain& other) {
        DiskList theirs;
        const Status asked = hypervisor_.disks(other, theirs);
        if (asked.ok()) {
            return compare(theirs, other.name);
        }
        const std::string said{hypervisor_.last_error()};
        Domain now;
        const Status found = hypervisor_.find(other.uuid, now);
        // One that is being built has no configuration yet, and may be given the image any moment.
        if (found.fault() == Fault::not_found || (found.ok() && now.state == DomainState::dying)) {
            return {};
        }
        why_ = fmt::format("what disks {} has cannot be found out: {}", other.name.view(), said);
        return asked;
    }

    Status read(const std::string& path) {
        // Not kept waiting by what only has the name of a save file.
        const UniqueFd fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
        if (!fd && errno == ENOENT) {
            return {};
        }
        DiskList theirs;
        const Status status =
            fd ? hypervisor_.disks_in_image(fd.get(), theirs) : Status{Err{Fault::io_failed}};
        if (!status.ok()) {
            why_ = fmt::format("what disks the guest saved in {} has cannot be read: {}", path,
                               fd ? std::string{hypervisor_.last_error()} : std::strerror(errno));
            return status;
        }
        return compare(theirs, path);
    }

    Status compare(const DiskList& theirs, std::string_view whose) {
        for (const DiskSpec& disk : theirs) {
            const File file = identify(disk.target);
            for (std::size_t i = 0; i < disks_.size(); ++i) {
                const bool same = file.there && ours_[i].there && file.device == ours_[i].device &&
                                  file.number == ours_[i].number;
                if (same || disk.target == disks_[i].path) {
                    why_ = fmt::format("{}: {} cannot go along: {} has it as well", disks_[i].device.view(),
                                       disks_[i].path.view(), whose);
                    return Err{Fault::unsupported};
                }
            }
        }
        return {};
    }

    Hypervisor& hypervisor_;
    const SaveFiles& files_;
    const Uuid& guest_;
    const ImageDisks& disks_;
    std::string& why_;
    FixedVector<File, limits::disks_per_domain_max> ours_;
};

}  // namespace

Status check_sole_user(Hypervisor& hypervisor, const SaveFiles& files, const Uuid& guest,
                       const ImageDisks& disks, std::string& why) {
    Search search{hypervisor, files, guest, disks, why};
    // A guest that is saved or restored meanwhile goes from the one place to the other: it is in the second,
    // or still, or again, in the first.
    BALLAST_CHECK(search.among_saved());
    BALLAST_CHECK(search.among_domains());
    return search.among_saved();
}

}  // namespace ballast::agent
