// CPU, vCPU and memory figures of all domains as libxenstat collects them.
#pragma once

#include <memory>

#include "base/result.hpp"
#include "xen_glue/hypervisor.hpp"

struct xenstat_handle;

namespace ballast::xen {

class XenstatNode {
  public:
    XenstatNode() = default;
    ~XenstatNode();
    XenstatNode(const XenstatNode&) = delete;
    XenstatNode& operator=(const XenstatNode&) = delete;

    // Collects once and puts name, cpu_time_ns, memory_kib, vcpus and vcpu_time_ns into those of
    // `counters.domains` that it finds (by domid); a domain that is just being built or destroyed keeps what
    // it had. `hypervisor_unavailable` when Xen or xenstored does not answer; the next call then connects
    // anew.
    Status collect(HostCounters& counters);

  private:
    void close() noexcept;

    xenstat_handle* handle_ = nullptr;
};

}  // namespace ballast::xen
