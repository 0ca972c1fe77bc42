// The one place where a guest's state changes: keeps the record of executions, the change counter and the CPU
// shares true to it. For the files of the model only.
#pragma once

#include "xen_glue/sim/sim_host.hpp"

namespace ballast::sim {

inline void note_execution(SimHost& state, const Guest& guest, bool began) noexcept {
    state.executions.push({guest.uuid, guest.domid, began, state.now_ns, guest.executed_ns});
}

template <class Edit>
void change(SimHost& state, Guest& guest, Edit edit) noexcept {
    const bool was_executing = executing(guest);
    edit(guest);
    if (executing(guest) != was_executing) {
        note_execution(state, guest, !was_executing);
    }
    ++state.change_count;
    state.grants_stale = true;
}

}  // namespace ballast::sim
