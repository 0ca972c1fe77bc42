// Why a guest is shown in its state, in words. They are made when somebody asks: kept with every guest, they
// would be a fifth of the controller's memory.
#include "controller/core/step.hpp"

namespace ballast::controller {

Detail state_reason(const Tables& t, const VmRow& vm) noexcept {
    switch (vm.state_reason) {
        case VmReason::none: break;
        case VmReason::job:
            return vm.job == no_row ? Detail{"an operation is ending"}
                                    : compose("job ", t.jobs[vm.job].record.id);
        case VmReason::not_reported: return "no host has reported it yet";
        case VmReason::not_all_reported: return "no host has reported it, and not all hosts are connected";
        case VmReason::host_away:
            return vm.host == no_row
                       ? Detail{"its host is not connected"}
                       : compose("its host ", t.hosts[vm.host].record.name, " is not connected");
        case VmReason::departing:
            return handover_is_lost(vm)
                       ? "the right to run was given to a host that has lost it: the copy here stays "
                         "suspended until it is destroyed, or resumed with xl"
                       : "the right to run was given to the other host; its answer is awaited";
        case VmReason::incoming: return "a copy is coming in; its source is not connected";
        case VmReason::suspended: return "it is suspended and no operation is under way: an operator decides";
        case VmReason::shut_down: return "it has shut down; its host has not released it yet";
        case VmReason::crashed: return "it has crashed";
        case VmReason::not_told: return "its host does not say what it does";
        case VmReason::claimed_twice: return "two hosts report that they execute it";
        case VmReason::maybe_claimed_twice: return "two hosts report it; waiting for their next reports";
    }
    return {};
}

std::string_view console_address(const VmRow& vm) noexcept {
    for (const Sighting& sighting : vm.sightings) {
        if (sighting.host == vm.host) {
            return sighting.console_address.view();
        }
    }
    return {};
}

}  // namespace ballast::controller
