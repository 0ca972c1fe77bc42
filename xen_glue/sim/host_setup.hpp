// From options to a new simulated host with its first guests.
#pragma once

#include <string>

#include "xen_glue/sim/sim_host.hpp"
#include "xen_glue/sim/sim_hypervisor.hpp"
#include "xen_glue/sim/state_file.hpp"

namespace ballast::sim {

// The first option that is out of its range, as a sentence; empty when all are well.
std::string complaint_about(const SimOptions& options);

// REQUIRES: options without complaint. False with `why` filled when a guest cannot be: it does not fit the
// memory, its name is taken, or its spec is not valid.
bool set_up_host(const SimOptions& options, StateFile::Transaction& new_host, std::string& why);

// What the host keeps of a guest that is to be built.
NewGuest new_guest(const DomainSpec& spec, bool ours, const Workload& workload) noexcept;
// What guests that are created through the door do: the defaults of GuestGroup.
Workload ordinary_workload(std::uint64_t seed, const Uuid& uuid) noexcept;

}  // namespace ballast::sim
