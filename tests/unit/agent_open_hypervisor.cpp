// Unit tests link everything but agent/hypervisors.cpp and real Xen: here agents and workers get simulated
// hosts only.
#include "agent/hypervisors.hpp"

namespace ballast::agent {

std::unique_ptr<Hypervisor> open_hypervisor(const HypervisorSettings& settings, std::string& why) {
    if (settings.kind != HypervisorKind::sim) {
        why = "unit tests have no real hypervisor";
        return nullptr;
    }
    return sim::open(settings.sim, why);
}

}  // namespace ballast::agent
