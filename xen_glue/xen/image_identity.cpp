#include "xen_glue/xen/image_identity.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>

#include "xen_glue/xen/spec_mapping.hpp"

namespace ballast::xen {
namespace {

void replace(char*& text, std::string_view by) {
    std::free(text);
    text = duplicate(by);
}

// "00:16:3e:01:02:03"; `validate` has looked at it.
bool set_mac(libxl_mac& mac, std::string_view text) noexcept {
    for (std::size_t i = 0; i < sizeof mac; ++i) {
        const std::string_view part = text.substr(std::min(3 * i, text.size()), 2);
        if (std::from_chars(part.data(), part.data() + part.size(), mac[i], 16).ec != std::errc{}) {
            return false;
        }
    }
    return true;
}

}  // namespace

bool move_disks(libxl_domain_config& config, const DiskList& moved) {
    for (const DiskSpec& disk : moved) {
        libxl_device_disk* const end = config.disks + config.num_disks;
        libxl_device_disk* const same =
            std::find_if(config.disks, end, [&disk](const libxl_device_disk& one) {
                return one.vdev != nullptr && disk.device.view() == one.vdev;
            });
        if (same == end) {
            return false;
        }
        replace(same->pdev_path, disk.target);
    }
    return true;
}

bool take_identity(libxl_domain_config& config, const DomainSpec& identity) {
    const std::uint64_t memory_kib = std::uint64_t{identity.memory_mib} * 1024;
    if (config.c_info.type != type_of(identity.type) || config.b_info.max_memkb != memory_kib ||
        config.num_disks != static_cast<int>(identity.disks.size()) ||
        config.num_nics != static_cast<int>(identity.vifs.size()) || !move_disks(config, identity.disks)) {
        return false;
    }
    for (std::size_t i = 0; i < identity.vifs.size(); ++i) {
        if (!set_mac(config.nics[i].mac, identity.vifs[i].mac)) {
            return false;
        }
        replace(config.nics[i].bridge, identity.vifs[i].bridge);
    }
    replace(config.c_info.name, identity.name);
    config.c_info.uuid = to_libxl(identity.uuid);
    return true;
}

}  // namespace ballast::xen
