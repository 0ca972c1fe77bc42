#include "xen_glue/xen/disk_backends.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstring>
#include <fstream>
#include <optional>

namespace ballast::xen {
namespace {

constexpr std::size_t node_bytes_max = 4096;
constexpr unsigned loop_major = 7;

// "7:1f", hexadecimal, as Xen's scripts write a device's number.
std::optional<unsigned> loop_minor(std::string_view text) noexcept {
    const auto number = [](std::string_view digits) -> std::optional<unsigned> {
        unsigned value = 0;
        const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
        return parsed.ec == std::errc{} && parsed.ptr == digits.data() + digits.size() ? std::optional{value}
                                                                                       : std::nullopt;
    };
    const std::size_t colon = text.find(':');
    if (colon == std::string_view::npos || number(text.substr(0, colon)) != loop_major) {
        return std::nullopt;
    }
    return number(text.substr(colon + 1));
}

// "loop3": what the kernel calls the block device with this number; empty when there is none.
std::string name_of_loop(const std::string& sysfs_root, unsigned minor) {
    std::array<char, 256> target{};
    const std::string path = fmt::format("{}/dev/block/{}:{}", sysfs_root, loop_major, minor);
    const ssize_t length = readlink(path.c_str(), target.data(), target.size());
    const std::string_view text{target.data(), static_cast<std::size_t>(length > 0 ? length : 0)};
    return std::string{text.substr(text.rfind('/') + 1)};
}

}  // namespace

Status DiskBackends::read_all(std::uint32_t domid, std::string_view kind, std::vector<Disk>& out) {
    const std::string directory = fmt::format("/local/domain/0/backend/{}/{}", kind, domid);
    std::vector<std::string> devices;
    BALLAST_CHECK(store_.list(directory, devices));
    for (const std::string& device : devices) {
        const auto node = [&](std::string_view name, std::string& value) {
            bool present = false;
            return store_.read(fmt::format("{}/{}/{}", directory, device, name), node_bytes_max, value,
                               present);
        };
        std::string mode;
        std::string direct;
        std::string number;
        Disk disk;
        BALLAST_CHECK(node("mode", mode));
        BALLAST_CHECK(node("direct-io-safe", direct));
        BALLAST_CHECK(node("physical-device", number));
        BALLAST_CHECK(node("params", disk.parameters));
        disk.writable = mode.starts_with('w');
        disk.direct = direct == "1";
        if (const std::optional<unsigned> minor = loop_minor(number); minor.has_value()) {
            disk.loop = name_of_loop(sysfs_root_, *minor);
        }
        out.push_back(std::move(disk));
    }
    return {};
}

bool DiskBackends::is_direct(const std::string& loop) const {
    std::ifstream file{fmt::format("{}/block/{}/loop/dio", sysfs_root_, loop)};
    return file.get() == '1';
}

Status DiskBackends::bypass_page_cache(std::uint32_t domid, std::string& complaints) {
    std::vector<Disk> disks;
    BALLAST_CHECK(read_all(domid, "vbd", disks));
    for (const Disk& disk : disks) {
        if (disk.loop.empty() || is_direct(disk.loop)) {
            continue;
        }
        const std::string path = "/dev/" + disk.loop;
        const int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
        if (fd < 0 || ioctl(fd, LOOP_SET_DIRECT_IO, 1UL) != 0) {
            complaints +=
                fmt::format("{}{} goes through dom0's page cache ({}: {})", complaints.empty() ? "" : "; ",
                            disk.parameters, path, std::strerror(errno));
        }
        if (fd >= 0) {
            ::close(fd);
        }
    }
    return {};
}

Status DiskBackends::tie(std::uint32_t domid, std::string& out) {
    out.clear();
    std::vector<Disk> kernels;
    std::vector<Disk> qemus;
    BALLAST_CHECK(read_all(domid, "vbd", kernels));
    BALLAST_CHECK(read_all(domid, "qdisk", qemus));
    for (const Disk& disk : kernels) {
        if (disk.writable && !disk.loop.empty() && !is_direct(disk.loop)) {
            out = fmt::format(
                "dom0 caches what the guest writes to {}, and the next host would not read it: use a file "
                "system with direct I/O, or a block device",
                disk.parameters);
        }
    }
    for (const Disk& disk : qemus) {
        // QEMU keeps the tables of a qcow2 file in memory until the guest asks for a flush or has gone: the
        // next host would read old ones, and this one write over the new. Of a raw one dom0 keeps what the
        // guest has written.
        if (disk.writable && !(disk.direct && disk.parameters.starts_with("aio:"))) {
            out = fmt::format(
                "its disk {} is served by a QEMU, which keeps part of it in dom0's memory: only one host can "
                "have it open. Use a raw file or a block device, or save the guest here and restore it there",
                disk.parameters);
        }
    }
    return {};
}

}  // namespace ballast::xen
