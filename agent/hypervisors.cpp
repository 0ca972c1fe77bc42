#include "agent/hypervisors.hpp"

#include "xen_glue/xen/xen_hypervisor.hpp"

namespace ballast::agent {

std::unique_ptr<Hypervisor> open_hypervisor(const HypervisorSettings& settings, std::string& why) {
    switch (settings.kind) {
        case HypervisorKind::xen: return xen::open(why);
        case HypervisorKind::sim: return sim::open(settings.sim, why);
    }
    why = "unknown kind of hypervisor";
    return nullptr;
}

}  // namespace ballast::agent
