// Operations that stay on this host.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include <fmt/core.h>

#include "agent/save_files.hpp"
#include "agent/worker.hpp"

namespace ballast::agent {

DomainSpec to_domain_spec(const wire::GuestSpec& from) {
    DomainSpec to;
    to.name = from.name;
    to.uuid = from.uuid;
    to.type = from.type;
    to.memory_mib = from.memory_mib;
    to.vcpus = from.vcpus;
    to.kernel = from.kernel;
    to.ramdisk = from.ramdisk;
    to.cmdline = from.cmdline;
    to.bootloader = from.bootloader;
    to.boot_order = from.boot_order;
    for (const wire::Disk& disk : from.disks) {
        to.disks.push({.format = static_cast<DiskSpec::Format>(disk.format),
                       .target = disk.target,
                       .device = disk.device,
                       .writable = disk.writable});
    }
    for (const wire::Vif& vif : from.vifs) {
        to.vifs.push({.mac = vif.mac, .bridge = vif.bridge});
    }
    to.vnc = {.enabled = from.vnc,
              .listen = from.vnc_listen.empty() ? VncSpec{}.listen : from.vnc_listen,
              .password = from.vnc_password};
    to.cpu_weight = from.cpu_weight;
    to.cpu_cap_percent = from.cpu_cap_percent;
    return to;
}

Status Worker::create() {
    const DomainSpec spec = to_domain_spec(setup_.spec);
    if (const std::optional<Detail> broken = validate(spec)) {
        return failed(Fault::invalid_argument, broken->view());
    }
    BALLAST_CHECK(lock_guest(spec.uuid));
    BALLAST_CHECK(open_hypervisor_of_host());
    Domain domain;
    const Status status = hypervisor_->create(spec, *this, domain);
    if (!status.ok()) {
        return failed_call(status.fault(), "the domain cannot be created");
    }
    report(WorkerNews::done);
    return {};
}

Status Worker::shut_down() {
    BALLAST_CHECK(lock_guest(setup_.record.uuid));
    BALLAST_CHECK(open_hypervisor_of_host());
    Domain domain;
    BALLAST_CHECK(find(domain));
    const Status status = hypervisor_->shutdown(domain, time_left().ms, *this);
    if (!status.ok()) {
        return failed_call(status.fault(), "the guest does not shut down");
    }
    report(WorkerNews::done);
    return {};
}

Status Worker::destroy() {
    BALLAST_CHECK(lock_guest(setup_.record.uuid));
    BALLAST_CHECK(open_hypervisor_of_host());
    Domain domain;
    const Status found = hypervisor_->find(setup_.record.uuid, domain);
    if (found.ok()) {
        const Status status = hypervisor_->destroy(domain, *this);
        if (!status.ok() && status.fault() != Fault::not_found) {
            return failed_call(status.fault(), "the domain cannot be destroyed");
        }
    } else if (found.fault() != Fault::not_found) {
        return failed_call(found.fault(), "the hypervisor does not answer");
    }
    report(WorkerNews::done);
    return {};
}

Status Worker::save() {
    BALLAST_CHECK(lock_guest(setup_.record.uuid));
    BALLAST_CHECK(open_hypervisor_of_host());
    const std::string path = SaveFiles{std::string{setup_.save_dir.view()}}.partial_path(setup_.record.uuid);
    // Private: the image holds the guest's memory, and its configuration the console's password.
    const UniqueFd fd{::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600)};
    if (!fd) {
        return failed(Fault::io_failed, fmt::format("cannot create {}: {}", path, std::strerror(errno)));
    }
    BALLAST_CHECK(write_image(fd.get()));
    report(WorkerNews::done);
    return {};
}

Status Worker::write_image(int fd) {
    Domain domain;
    BALLAST_CHECK(find(domain));
    const Status sent = hypervisor_->send_image(domain, fd, MigrationMode::stop_and_copy, *this);
    if (!sent.ok()) {
        return failed_call(sent.fault(), "the guest cannot be saved");
    }
    wire::SavedGuest guest;
    guest.uuid = domain.uuid;
    guest.name = domain.name;
    guest.memory_kib = domain.memory_kib;
    guest.type = domain.type;
    guest.vcpus = domain.vcpus;
    std::string why;
    const Status sealed = SaveFiles::seal(fd, guest, why);
    return sealed.ok() ? sealed : failed(sealed.fault(), why);
}

Status Worker::restore() {
    BALLAST_CHECK(lock_guest(setup_.record.uuid));
    BALLAST_CHECK(open_hypervisor_of_host());
    const std::string path = SaveFiles{std::string{setup_.save_dir.view()}}.complete_path(setup_.record.uuid);
    const UniqueFd fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW)};
    if (!fd) {
        return failed(Fault::io_failed, fmt::format("cannot open {}: {}", path, std::strerror(errno)));
    }
    wire::SavedGuest guest;
    const Status whole = SaveFiles::check(fd.get(), guest);
    if (whole.fault() == Fault::io_failed) {
        return failed(Fault::io_failed, fmt::format("cannot read {}", path));
    }
    if (!whole.ok() || guest.uuid != setup_.record.uuid) {
        return failed(Fault::image_corrupt, fmt::format("{} is cut, or another guest's", path));
    }
    Domain domain;
    const Status status = hypervisor_->receive_image(fd.get(), {}, {}, *this, domain);
    if (!status.ok()) {
        return failed_call(status.fault(), "the guest cannot be restored");
    }
    if (domain.uuid != setup_.record.uuid) {
        return failed(Fault::image_corrupt, "the image holds another guest than its file says");
    }
    report(WorkerNews::done);
    return {};
}

}  // namespace ballast::agent
