// A golden image becomes another guest: who it is, is written into its configuration before it is restored.
#pragma once

#include "xen_glue/hypervisor.hpp"
#include "xen_glue/xen/libxl_raii.hpp"

namespace ballast::xen {

// Name, uuid, disks by their device and network interfaces by their position. False, and nothing of use in
// `config`, when the two guests are not of the same type, memory, disks' devices and number of interfaces.
bool take_identity(libxl_domain_config& config, const DomainSpec& identity);

}  // namespace ballast::xen
