// Counters of guests' network and block devices and of the host's network cards, straight from sysfs.
// libxenstat's own are not used: it drops every vif on a host without a Linux bridge, compiles a regular
// expression for each interface line, and fails as a whole where the block backend's directory is missing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.hpp"
#include "xen_glue/hypervisor.hpp"

namespace ballast::xen {

// What is known of a guest beside its counters.
struct DeviceOwner {
    std::uint32_t domid = 0;
    bool emulated_nics = false;  // HVM: a tap "IFNAME-emu" beside each vif
    int device_model_pid = 0;    // the QEMU that serves its file-backed disks; 0: none
};

class DeviceCounters {
  public:
    // `sysfs_root` is "/sys", `proc_root` "/proc", or a test's own trees.
    DeviceCounters(std::string sysfs_root, std::string proc_root)
        : sysfs_root_{std::move(sysfs_root)}, proc_root_{std::move(proc_root)} {}

    // Adds to the network and disk fields of the domains in `counters` and sets its nic fields. `owners` is
    // parallel to `counters.domains`. Devices that come or go meanwhile are left out; a host without backends
    // has none.
    //  - Network: the backend's rx is what the guest sent; swapped here.
    //  - Disks served by the kernel (blkback): sectors of 512 bytes.
    //  - Disks served by a QEMU process: the bytes that this process caused at the storage layer.
    using Owners = FixedVector<DeviceOwner, limits::domains_per_host_max>;
    void collect(const Owners& owners, HostCounters& counters) const;

  private:
    void backend_devices(const Owners& owners, HostCounters& counters) const;
    void vif(const std::string& device_directory, bool emulated_too, DomainCounters& domain) const;
    void vbd(const std::string& device_directory, DomainCounters& domain) const;
    void device_model(int pid, DomainCounters& domain) const;
    void physical_nics(HostCounters& counters) const;

    std::string sysfs_root_;
    std::string proc_root_;
};

// The name of a backend device in /sys/bus/xen-backend/devices: "vif-7-0", "vbd-7-51712".
struct BackendName {
    enum class Kind : std::uint8_t { vif, vbd };
    Kind kind;
    std::uint32_t domid;
    std::uint32_t device;
};
std::optional<BackendName> parse_backend_name(std::string_view name) noexcept;

}  // namespace ballast::xen
