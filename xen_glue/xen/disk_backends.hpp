// What serves a domain's disks in this dom0, and what of their contents it keeps here in memory. A live
// migration starts the guest on another host while this one still has its disks open: what is kept here is
// not what the other reads.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "xen_glue/xen/xenstore_area.hpp"

namespace ballast::xen {

class DiskBackends {
  public:
    // `sysfs_root` is "/sys", or a test's own tree. `store` outlives this.
    DiskBackends(Xenstore& store, std::string sysfs_root)
        : store_{store}, sysfs_root_{std::move(sysfs_root)} {}

    // libxl serves a file through a loop device, which goes through dom0's page cache. Makes the domain's
    // read and write past it. What cannot be changed (a file system without direct I/O) adds a sentence to
    // `complaints`, and `tie` will speak of it.
    Status bypass_page_cache(std::uint32_t domid, std::string& complaints);

    // Why the domain's disks cannot be used by another host as long as this one has them open; empty when
    // they can.
    Status tie(std::uint32_t domid, std::string& out);

  private:
    struct Disk {
        bool writable = false;
        bool direct = false;     // QEMU's: opened past the page cache
        std::string loop;        // "loop3"; empty for other devices
        std::string parameters;  // "/srv/x.img"; QEMU's begin with "aio:" or the format
    };
    Status read_all(std::uint32_t domid, std::string_view kind, std::vector<Disk>& out);
    bool is_direct(const std::string& loop) const;

    Xenstore& store_;
    std::string sysfs_root_;
};

}  // namespace ballast::xen
