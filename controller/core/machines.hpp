// The state machines of jobs, of each side of a migration, and of agents' links; with the desktops' they are
// all that the controller has. Each has one setter (step.hpp), which refuses what its table does not list.
#pragma once

#include "controller/core/desktop/states.hpp"
#include "controller/core/rows.hpp"

namespace ballast::controller {

inline constexpr Machine<JobState, 5, 7> job_machine{
    "Job",
    "One operation on one guest, as its user sees it.",
    JobState::queued,
    {{
        {JobState::queued, "queued", "deadlines.KIND_seconds and deadlines.grace_seconds",
         "ordered; no agent has answered yet"},
        {JobState::running, "running", "deadlines.KIND_seconds and deadlines.grace_seconds",
         "an agent works on it"},
        {JobState::succeeded, "succeeded", "", "done"},
        {JobState::failed, "failed", "", "not done, with a reason"},
        {JobState::cancelled, "cancelled", "", "stopped before it took effect"},
    }},
    {{
        {JobState::queued, JobState::running, "an agent has begun"},
        {JobState::queued, JobState::succeeded, "an agent has done it already"},
        {JobState::queued, JobState::failed, "refused by the agent, its host lost, or its deadline passed"},
        {JobState::queued, JobState::cancelled, "cancelled by an operator"},
        {JobState::running, JobState::succeeded, "the agent says so"},
        {JobState::running, JobState::failed, "the agent says so, or its deadline passed"},
        {JobState::running, JobState::cancelled, "cancelled by an operator"},
    }}};

inline constexpr Machine<SideState, 7, 16> side_machine{
    "Migration side",
    "One agent's part of a job: of a migration each of its two sides, of other jobs the only one.",
    SideState::unused,
    {{
        {SideState::unused, "unused", "", "nothing was ordered of this side (yet)"},
        {SideState::ordered, "ordered", "the job's deadline",
         "the order is on its way, or will be sent again"},
        {SideState::working, "working", "the job's deadline", "the agent has answered"},
        {SideState::ready, "ready", "the job's deadline",
         "the destination is prepared: the source may connect"},
        {SideState::ended, "ended", "", "the final result is here and on disk"},
        {SideState::acked, "acked", "", "the agent was told to forget it"},
        {SideState::lost, "lost", "", "given up: the host was removed, or its agent does not have it"},
    }},
    {{
        {SideState::unused, SideState::ordered, "the job was made, or the destination is prepared"},
        {SideState::unused, SideState::lost, "its host was removed from the pool"},
        {SideState::ordered, SideState::working, "the agent has begun"},
        {SideState::ordered, SideState::ready, "the destination is prepared at once"},
        {SideState::ordered, SideState::ended, "the agent has refused it, or done it at once"},
        {SideState::ordered, SideState::lost, "its agent does not have it, or its host was removed"},
        {SideState::working, SideState::ready, "the destination is prepared"},
        {SideState::working, SideState::ended, "the agent has ended it"},
        {SideState::working, SideState::lost, "its agent does not have it, or its host was removed"},
        {SideState::ready, SideState::ended, "the agent has ended it"},
        {SideState::ready, SideState::lost, "its agent does not have it, or its host was removed"},
        {SideState::ended, SideState::acked, "acknowledged"},
        {SideState::ended, SideState::lost, "its host was removed from the pool"},
        {SideState::acked, SideState::ended, "the agent missed the acknowledgement and says it again"},
        {SideState::acked, SideState::lost, "its host was removed from the pool"},
        {SideState::lost, SideState::ended, "its agent has it after all"},
    }}};

inline constexpr Machine<LinkState, 3, 3> link_machine{
    "Host link",
    "One connection of an agent.",
    LinkState::awaiting_hello,
    {{
        {LinkState::awaiting_hello, "awaiting_hello", "10 s", "connected; it has not said which host it is"},
        {LinkState::accepted, "accepted", "", "speaks for its host"},
        {LinkState::closed, "closed", "", "gone"},
    }},
    {{
        {LinkState::awaiting_hello, LinkState::accepted, "its certificate and its hello agree"},
        {LinkState::awaiting_hello, LinkState::closed, "refused, lost, or silent for too long"},
        {LinkState::accepted, LinkState::closed, "lost, replaced by a newer one, or it broke the protocol"},
    }}};

// All of them, without their types.
std::span<const MachineView> machines() noexcept;

}  // namespace ballast::controller
