// The proof that no guest ever executes on two hosts: the hosts' own records laid side by side. Pure.
#pragma once

#include <cstdint>
#include <optional>

#include "xen_glue/sim/sim_state.hpp"

namespace ballast::sim {

// A time during which a guest executed.
struct Interval {
    std::int64_t begin_ns = 0;
    std::int64_t end_ns = 0;  // exclusive; `now_ns` of the host while it still executes
};

// The first time in which one guest executed in both hosts, whose clocks must be the same one. What the
// records have forgotten is not looked at; a guest whose beginning is forgotten counts from the oldest record
// on.
struct Overlap {
    Uuid uuid;
    Interval here;
    Interval there;
};
std::optional<Overlap> find_overlap(const SimHost& here, const SimHost& there) noexcept;

}  // namespace ballast::sim
