#include "agent/hypervisors.hpp"

#include "agent/companions.hpp"
#include "xen_glue/xen/xen_hypervisor.hpp"

namespace ballast::agent {

std::unique_ptr<Hypervisor> open_hypervisor(const HypervisorSettings& settings, std::string& why) {
    switch (settings.kind) {
        case HypervisorKind::xen:
            return xen::open({.vif_script = settings.quick_vif_script ? beside_own_program(vif_program) : ""},
                             why);
        case HypervisorKind::sim: return sim::open(settings.sim, why);
    }
    why = "unknown kind of hypervisor";
    return nullptr;
}

}  // namespace ballast::agent
