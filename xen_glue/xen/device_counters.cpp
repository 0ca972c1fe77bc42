#include "xen_glue/xen/device_counters.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <memory>

namespace ballast::xen {
namespace {

constexpr std::uint64_t sector_bytes = 512;

// The start of a small file; empty when it cannot be read.
template <std::size_t bytes_max>
std::string_view read_small(const std::string& path, std::array<char, bytes_max>& buffer) noexcept {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return {};
    }
    const ssize_t got = ::read(fd, buffer.data(), buffer.size());
    ::close(fd);
    return got > 0 ? std::string_view{buffer.data(), static_cast<std::size_t>(got)} : std::string_view{};
}

std::optional<std::uint64_t> leading_number(std::string_view text) noexcept {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{}) {
        return std::nullopt;
    }
    return value;
}

std::uint64_t counter(const std::string& path) noexcept {
    std::array<char, 32> buffer{};
    return leading_number(read_small(path, buffer)).value_or(0);
}

template <class Visit>
void for_each_entry(const std::string& directory, Visit visit) {
    const std::unique_ptr<DIR, int (*)(DIR*)> stream{opendir(directory.c_str()), &closedir};
    if (stream == nullptr) {
        return;
    }
    while (const dirent* entry = readdir(stream.get())) {
        if (entry->d_name[0] != '.') {
            visit(std::string_view{entry->d_name});
        }
    }
}

// A network interface that a Xen frontend owns has the bus "xen-backend" behind it, a network card has
// another, and bridges, bonds, VLANs and taps have none.
bool is_physical_nic(const std::string& interface_directory) noexcept {
    std::array<char, 256> target{};
    const ssize_t length =
        readlink((interface_directory + "/device/subsystem").c_str(), target.data(), target.size());
    if (length <= 0) {
        return false;
    }
    return !std::string_view{target.data(), static_cast<std::size_t>(length)}.ends_with("/xen-backend");
}

// The value of "NAME: 123" in the lines of /proc/PID/io.
std::uint64_t field(std::string_view lines, std::string_view name) noexcept {
    while (!lines.empty()) {
        const std::size_t end = lines.find('\n');
        const std::string_view line = lines.substr(0, end);
        if (line.starts_with(name) && line.substr(name.size()).starts_with(": ")) {
            return leading_number(line.substr(name.size() + 2)).value_or(0);
        }
        lines = end == std::string_view::npos ? std::string_view{} : lines.substr(end + 1);
    }
    return 0;
}

}  // namespace

std::optional<BackendName> parse_backend_name(std::string_view name) noexcept {
    BackendName out{};
    if (name.starts_with("vif-")) {
        out.kind = BackendName::Kind::vif;
    } else if (name.starts_with("vbd-")) {
        out.kind = BackendName::Kind::vbd;
    } else {
        return std::nullopt;
    }
    name.remove_prefix(4);
    const char* const end = name.data() + name.size();
    const auto domid = std::from_chars(name.data(), end, out.domid);
    if (domid.ec != std::errc{} || domid.ptr == end || *domid.ptr != '-') {
        return std::nullopt;
    }
    const auto device = std::from_chars(domid.ptr + 1, end, out.device);
    if (device.ec != std::errc{} || device.ptr != end) {
        return std::nullopt;
    }
    return out;
}

void DeviceCounters::collect(const Owners& owners, HostCounters& counters) const {
    backend_devices(owners, counters);
    for (std::size_t i = 0; i < owners.size(); ++i) {
        if (owners[i].device_model_pid > 0) {
            device_model(owners[i].device_model_pid, counters.domains[i]);
        }
    }
    physical_nics(counters);
}

void DeviceCounters::backend_devices(const Owners& owners, HostCounters& counters) const {
    const std::string devices = sysfs_root_ + "/bus/xen-backend/devices";
    for_each_entry(devices, [&](std::string_view name) {
        const std::optional<BackendName> backend = parse_backend_name(name);
        if (!backend.has_value()) {
            return;
        }
        for (std::size_t i = 0; i < owners.size(); ++i) {
            if (owners[i].domid != backend->domid) {
                continue;
            }
            const std::string directory = fmt::format("{}/{}", devices, name);
            if (backend->kind == BackendName::Kind::vif) {
                vif(directory, owners[i].emulated_nics, counters.domains[i]);
            } else {
                vbd(directory, counters.domains[i]);
            }
            return;
        }
    });
}

void DeviceCounters::vif(const std::string& device_directory, bool emulated_too,
                         DomainCounters& domain) const {
    // The interface's name is asked for, not made up: it may have been configured or renamed.
    for_each_entry(device_directory + "/net", [&](std::string_view interface) {
        const auto add = [&](const std::string& statistics) {
            domain.net_tx_bytes += counter(statistics + "/rx_bytes");
            domain.net_rx_bytes += counter(statistics + "/tx_bytes");
        };
        add(fmt::format("{}/net/{}/statistics", device_directory, interface));
        if (emulated_too) {
            // A guest uses either the emulated card or the vif, never both at a time.
            add(fmt::format("{}/class/net/{}-emu/statistics", sysfs_root_, interface));
        }
    });
}

void DeviceCounters::vbd(const std::string& device_directory, DomainCounters& domain) const {
    domain.disk_read_bytes += sector_bytes * counter(device_directory + "/statistics/rd_sect");
    domain.disk_write_bytes += sector_bytes * counter(device_directory + "/statistics/wr_sect");
}

void DeviceCounters::device_model(int pid, DomainCounters& domain) const {
    std::array<char, 512> buffer{};
    const std::string_view lines = read_small(fmt::format("{}/{}/io", proc_root_, pid), buffer);
    domain.disk_read_bytes += field(lines, "read_bytes");
    domain.disk_write_bytes += field(lines, "write_bytes");
}

void DeviceCounters::physical_nics(HostCounters& counters) const {
    const std::string interfaces = sysfs_root_ + "/class/net";
    counters.nic_rx_bytes = 0;
    counters.nic_tx_bytes = 0;
    for_each_entry(interfaces, [&](std::string_view interface) {
        const std::string directory = fmt::format("{}/{}", interfaces, interface);
        if (is_physical_nic(directory)) {
            counters.nic_rx_bytes += counter(directory + "/statistics/rx_bytes");
            counters.nic_tx_bytes += counter(directory + "/statistics/tx_bytes");
        }
    });
}

}  // namespace ballast::xen
