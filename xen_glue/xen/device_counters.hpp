// Counters of guests' network and block devices and of the host's network cards, straight from sysfs.
// libxenstat's own are not used: it drops every vif on a host without a Linux bridge, compiles a regular
// expression for each interface line, and fails as a whole where the block backend's directory is missing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "xen_glue/hypervisor.hpp"
#include "xen_glue/xen/counter_file.hpp"

namespace ballast::xen {

// What is known of a guest beside its counters.
struct DeviceOwner {
    std::uint32_t domid = 0;
    bool emulated_nics = false;  // HVM: a tap "IFNAME-emu" beside each vif
    int device_model_pid = 0;    // the QEMU that serves its file-backed disks; 0: none
};

// The name of a backend device in /sys/bus/xen-backend/devices: "vif-7-0", "vbd-7-51712".
struct BackendName {
    enum class Kind : std::uint8_t { vif, vbd };
    Kind kind{};
    std::uint32_t domid = 0;
    std::uint32_t device = 0;
    bool operator==(const BackendName&) const = default;
};
std::optional<BackendName> parse_backend_name(std::string_view name) noexcept;

class DeviceCounters {
  public:
    // Devices whose counters stay open, two files each, four with an emulated card: well below the 1,024
    // files that systemd grants. Those beyond are opened for every sample.
    static constexpr std::size_t devices_kept_max = 128;
    static constexpr std::size_t nics_max = 32;
    // A network card that was plugged in counts after so many samples.
    static constexpr std::uint32_t nic_search_samples = 12;

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
    void collect(const Owners& owners, HostCounters& counters);

  private:
    // What the guest sent or wrote, and what it received or read; twice, for a vif and the card beside it.
    struct Device {
        BackendName name;
        bool seen = false;
        CounterFile out;
        CounterFile in;
        CounterFile emulated_out;
        CounterFile emulated_in;
    };
    struct Nic {
        CounterFile rx;
        CounterFile tx;
    };

    void backend_devices(const Owners& owners, HostCounters& counters);
    Device* kept(const BackendName& name);
    void open(Device& device, const std::string& directory, bool emulated_too) const;
    void add(Device& device, const std::string& directory, bool emulated_too, DomainCounters& domain) const;
    void device_model(int pid, DomainCounters& domain) const;
    void find_nics();
    void physical_nics(HostCounters& counters);

    std::string sysfs_root_;
    std::string proc_root_;
    std::vector<Device> devices_;  // at most devices_kept_max
    std::vector<Nic> nics_;        // at most nics_max
    std::uint32_t samples_to_nic_search_ = 0;
};

}  // namespace ballast::xen
