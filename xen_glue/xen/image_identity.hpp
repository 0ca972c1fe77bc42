// What a guest's configuration says of who it is and where its disks lie, changed before it is restored.
#pragma once

#include "xen_glue/hypervisor.hpp"
#include "xen_glue/xen/libxl_raii.hpp"

namespace ballast::xen {

// Name, uuid, disks by their device and network interfaces by their position. False, and nothing of use in
// `config`, when the two guests are not of the same type, memory, disks' devices and number of interfaces.
bool take_identity(libxl_domain_config& config, const DomainSpec& identity);

// Where these disks lie here, by their device. False when there is no such disk.
bool move_disks(libxl_domain_config& config, const DiskList& moved);

}  // namespace ballast::xen
