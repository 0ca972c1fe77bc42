// The Hypervisor of a real Xen host (libxl 4.17, libxenstat, xenstore, sysfs). Includes no Xen header, so
// that the rest of the agent stays free of them. docs/xen.md says how each call is carried out and what was
// seen.
#pragma once

#include <memory>
#include <string>

#include "xen_glue/hypervisor.hpp"

namespace ballast::xen {

struct XenOptions {
    // Connects guests' network cards in place of Xen's vif-bridge (vif_script.hpp): an absolute path. Empty,
    // or nothing that can be started there: Xen's own.
    std::string vif_script;
};

// Connects to the hypervisor and to xenstored; needs root in dom0. Null, with a sentence in `why`, when one
// of them does not answer. One object a process: libxl then owns SIGCHLD (it waits for its own children by
// pid only, so everybody else must do the same), and SIGPIPE is ignored from here on unless a handler is set.
std::unique_ptr<Hypervisor> open(const XenOptions& options, std::string& why);

}  // namespace ballast::xen
