// Which hypervisor the agent and its workers work on.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "xen_glue/hypervisor.hpp"
#include "xen_glue/sim/sim_hypervisor.hpp"

namespace ballast::agent {

enum class HypervisorKind : std::uint8_t { xen = 0, sim = 1 };

struct HypervisorSettings {
    HypervisorKind kind = HypervisorKind::xen;
    bool quick_vif_script =
        true;  // real Xen: network cards by ballast-vif-bridge, where it lies beside the agent
    sim::SimOptions sim;
};

// Null, with a sentence in `why`, when it does not answer.
std::unique_ptr<Hypervisor> open_hypervisor(const HypervisorSettings& settings, std::string& why);

}  // namespace ballast::agent
