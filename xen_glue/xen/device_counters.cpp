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

void DeviceCounters::collect(const Owners& owners, HostCounters& counters) {
    backend_devices(owners, counters);
    for (std::size_t i = 0; i < owners.size(); ++i) {
        if (owners[i].device_model_pid > 0) {
            device_model(owners[i].device_model_pid, counters.domains[i]);
        }
    }
    physical_nics(counters);
}

void DeviceCounters::backend_devices(const Owners& owners, HostCounters& counters) {
    for (Device& device : devices_) {
        device.seen = false;
    }
    const std::string devices = sysfs_root_ + "/bus/xen-backend/devices";
    for_each_entry(devices, [&](std::string_view entry) {
        const std::optional<BackendName> name = parse_backend_name(entry);
        if (!name.has_value()) {
            return;
        }
        for (std::size_t i = 0; i < owners.size(); ++i) {
            if (owners[i].domid != name->domid) {
                continue;
            }
            const std::string directory = fmt::format("{}/{}", devices, entry);
            Device passing{.name = *name};
            Device* const one = kept(*name);
            add(one != nullptr ? *one : passing, directory, owners[i].emulated_nics, counters.domains[i]);
            return;
        }
    });
    std::erase_if(devices_, [](const Device& device) { return !device.seen; });
}

// The device's row, a new one if need be; null when there is no room to keep it.
DeviceCounters::Device* DeviceCounters::kept(const BackendName& name) {
    for (Device& device : devices_) {
        if (device.name == name) {
            device.seen = true;
            return &device;
        }
    }
    if (devices_.size() == devices_kept_max) {
        return nullptr;
    }
    devices_.push_back({.name = name, .seen = true});
    return &devices_.back();
}

void DeviceCounters::open(Device& device, const std::string& directory, bool emulated_too) const {
    if (device.name.kind == BackendName::Kind::vbd) {
        device.in.open(directory + "/statistics/rd_sect");
        device.out.open(directory + "/statistics/wr_sect");
        return;
    }
    // The interface's name is asked for, not made up: it may have been configured or renamed.
    for_each_entry(directory + "/net", [&](std::string_view interface) {
        const std::string statistics = fmt::format("{}/net/{}/statistics", directory, interface);
        device.out.open(statistics + "/rx_bytes");
        device.in.open(statistics + "/tx_bytes");
        if (emulated_too) {
            const std::string tap = fmt::format("{}/class/net/{}-emu/statistics", sysfs_root_, interface);
            device.emulated_out.open(tap + "/rx_bytes");
            device.emulated_in.open(tap + "/tx_bytes");
        }
    });
}

void DeviceCounters::add(Device& device, const std::string& directory, bool emulated_too,
                         DomainCounters& domain) const {
    std::optional<std::uint64_t> out = device.out.read();
    std::optional<std::uint64_t> in = device.in.read();
    // Not open yet, or of a device that was replaced by another of its name.
    if (!out.has_value() || !in.has_value() || (emulated_too && !device.emulated_out.is_open())) {
        open(device, directory, emulated_too);
        out = device.out.read();
        in = device.in.read();
    }
    if (device.name.kind == BackendName::Kind::vbd) {
        domain.disk_write_bytes += sector_bytes * out.value_or(0);
        domain.disk_read_bytes += sector_bytes * in.value_or(0);
        return;
    }
    // A guest uses either the emulated card or the vif, never both at a time.
    domain.net_tx_bytes += out.value_or(0) + device.emulated_out.read().value_or(0);
    domain.net_rx_bytes += in.value_or(0) + device.emulated_in.read().value_or(0);
}

void DeviceCounters::device_model(int pid, DomainCounters& domain) const {
    std::array<char, 512> buffer{};
    const std::string_view lines = read_small(fmt::format("{}/{}/io", proc_root_, pid), buffer);
    domain.disk_read_bytes += field(lines, "read_bytes");
    domain.disk_write_bytes += field(lines, "write_bytes");
}

void DeviceCounters::find_nics() {
    nics_.clear();
    const std::string interfaces = sysfs_root_ + "/class/net";
    for_each_entry(interfaces, [&](std::string_view interface) {
        const std::string directory = fmt::format("{}/{}", interfaces, interface);
        Nic nic;
        if (nics_.size() < nics_max && is_physical_nic(directory) &&
            nic.rx.open(directory + "/statistics/rx_bytes") &&
            nic.tx.open(directory + "/statistics/tx_bytes")) {
            nics_.push_back(std::move(nic));
        }
    });
    samples_to_nic_search_ = nic_search_samples;
}

void DeviceCounters::physical_nics(HostCounters& counters) {
    if (samples_to_nic_search_ == 0) {
        find_nics();
    }
    --samples_to_nic_search_;
    counters.nic_rx_bytes = 0;
    counters.nic_tx_bytes = 0;
    for (const Nic& nic : nics_) {
        const std::optional<std::uint64_t> rx = nic.rx.read();
        const std::optional<std::uint64_t> tx = nic.tx.read();
        counters.nic_rx_bytes += rx.value_or(0);
        counters.nic_tx_bytes += tx.value_or(0);
        if (!rx.has_value() || !tx.has_value()) {
            samples_to_nic_search_ = 0;  // it was taken out
        }
    }
}

}  // namespace ballast::xen
