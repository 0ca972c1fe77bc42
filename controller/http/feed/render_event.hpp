// What an event says of its object: as JSON, the same as GET of the object gives, and in a few words for
// people.
#pragma once

#include <cstdint>

#include "controller/core/core.hpp"
#include "controller/http/feed/change_watch.hpp"
#include "controller/http/json_out.hpp"

namespace ballast::controller::http {

using Summary = FixedString<95>;

// The object of a change that is no removal and no load.
void render_changed(JsonOut& json, const Core& core, const Changed& changed);
Summary summary_of(const Core& core, const Changed& changed);

// What a host's new sample gives: its utilisations, and the cores that its guests use, from VM row `first` on
// along the host's list and of at most `vms_max` guests. Returns the row of the next one, or no_row.
std::uint32_t render_load(JsonOut& json, const Core& core, std::uint32_t host, std::uint32_t first,
                          std::uint32_t vms_max);
Summary load_summary(const policy::HostLoad& load);

void render_notice(JsonOut& json, const Report& report);

}  // namespace ballast::controller::http
