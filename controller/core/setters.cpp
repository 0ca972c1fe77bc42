// The one setter of each state machine of jobs, sides and links.
#include "controller/core/machines.hpp"
#include "controller/core/step.hpp"

namespace ballast::controller {

void note(Step& step, std::uint32_t vm, const HistoryRow& change) noexcept {
    if (vm != no_row) {
        HistoryRow row = change;
        row.at = step.now.wall;
        step.t.vms[vm].history.add(row);
        if (step.t.vms[vm].recorded) {
            step.out.changed({step.t.vms[vm].record.uuid, row});
        }
    }
}

void set_job_state(Step& step, JobRow& job, JobState to, Cause cause) noexcept {
    const JobState from = job.record.state;
    if (from == to) {
        return;
    }
    BALLAST_ASSERT(job_machine.allows(from, to));
    job.record.state = to;
    note(step, job.vm,
         {{},
          job.record.id,
          0,
          MachineKind::job,
          static_cast<std::uint8_t>(from),
          static_cast<std::uint8_t>(to),
          cause});
}

void set_side_state(Step& step, JobRow& job, JobSide& side, SideState to, Cause cause) noexcept {
    const SideState from = side.state;
    if (from == to) {
        return;
    }
    BALLAST_ASSERT(side_machine.allows(from, to));
    side.state = to;
    if (job.record.kind == JobKind::migrate) {  // of other jobs the job's own state says it all
        note(step, job.vm,
             {{},
              job.record.id,
              0,
              MachineKind::migration,
              static_cast<std::uint8_t>(from),
              static_cast<std::uint8_t>(to),
              cause});
    }
}

void set_link_state(LinkRow& link, LinkState to) noexcept {
    BALLAST_ASSERT(link_machine.allows(link.state, to));
    link.state = to;
}

}  // namespace ballast::controller
