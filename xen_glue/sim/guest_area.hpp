// The guests' areas in the xenstore of a simulated host. Pure.
#pragma once

#include <string_view>

#include "base/result.hpp"
#include "xen_glue/sim/state_file.hpp"

namespace ballast::sim {

// Parts of letters, digits and "-_.:@", with single slashes between them: what stays inside the guest's own
// area.
bool valid_area_path(std::string_view path) noexcept;

// What the guest has written and what was written for it; empty when absent. Once it is up, the guest writes
// what `ballast-guest` writes (docs/guest.md), or misbehaves (Signals), and "data/boot-complete". Values are
// cut where the door cuts them.
using AreaValue = FixedString<1024>;
AreaValue read_area(const Snapshot& snapshot, const Guest& guest, std::string_view path) noexcept;

// `invalid_argument` outside data/ and vm-data/; `limit_reached` for values over 255 bytes and when the host
// keeps too many. An empty value takes no room. Writing "data/load" takes over the guest's load (load.hpp),
// if the guest understands the word.
Status write_area(Snapshot& snapshot, Guest& guest, std::string_view path, std::string_view value) noexcept;

}  // namespace ballast::sim
