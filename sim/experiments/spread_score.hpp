// One number for how unevenly a pool is loaded, on the scale of Ganeti's hbal (man hbal, "SCORE"), so that
// plans can be compared with it and with each other.
#pragma once

#include "policy/plan.hpp"
#include "policy/pool_model.hpp"

namespace ballast::experiments {

// Of the pool after the plan: the sum, over up hosts, of the population standard deviations of the share of
// memory given to guests, of vCPUs per core, and of the utilisations of CPU, memory in use, disk and network.
// hbal's weights for guests on shared storage are all 1 in effect.
double spread_score(const policy::Pool& pool, const policy::Plan& plan) noexcept;

}  // namespace ballast::experiments
