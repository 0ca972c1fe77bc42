// Who else on this host has an image that is to leave it with its guest: other domains, and guests that lie
// in save files and will want their disks when they are restored. For workers: libxl is asked about every
// guest, and save files are read.
#pragma once

#include <string>

#include "agent/core/record.hpp"
#include "agent/save_files.hpp"
#include "xen_glue/hypervisor.hpp"

namespace ballast::agent {

// Success: nobody else. `unsupported` with a sentence in `why`: somebody has one of `disks` as well. With any
// other fault, or sentence, it cannot be told: a domain is there, and what disks it has cannot be found out.
Status check_sole_user(Hypervisor& hypervisor, const SaveFiles& files, const Uuid& guest,
                       const ImageDisks& disks, std::string& why);

}  // namespace ballast::agent
