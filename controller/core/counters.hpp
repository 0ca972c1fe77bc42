// Counts since the process started, for the metrics.
#pragma once

#include <array>
#include <cstdint>

#include "base/histogram.hpp"
#include "controller/core/commands.hpp"
#include "controller/core/desktop/states.hpp"
#include "controller/core/records.hpp"

namespace ballast::controller {

inline constexpr std::size_t job_kinds_count = static_cast<std::size_t>(JobKind::image_index) + 1;
inline constexpr std::size_t job_states_count = 5;
inline constexpr std::size_t vm_states_count = 13;
inline constexpr std::size_t faults_count = 256;  // by number
inline constexpr std::size_t slugs_count = 10;

// What the agents of all hosts have told of their own processes, added up over their restarts.
struct AgentCounters {
    struct Calls {
        std::uint64_t count = 0;
        std::uint64_t errors = 0;
        std::uint64_t total_us = 0;
    };
    std::array<Calls, hypervisor_calls_count> calls{};  // by HypervisorCall
    std::uint64_t console_to_client_bytes = 0;
    std::uint64_t console_from_client_bytes = 0;
};

struct Counters {
    AgentCounters agents;
    // [JobKind][JobState]: jobs made count as queued, ended ones by their end.
    std::array<std::array<std::uint64_t, job_states_count>, job_kinds_count> jobs{};
    std::array<std::uint64_t, faults_count> job_faults{};  // of failed jobs
    std::array<std::uint64_t, slugs_count> problems{};     // commands answered with a problem
    std::array<std::array<std::uint64_t, vm_states_count>, vm_states_count> vm_transitions{};  // [from][to]
    std::uint64_t events = 0;
    std::uint64_t hellos_accepted = 0;
    std::uint64_t hellos_refused = 0;
    std::uint64_t links_lost = 0;
    std::uint64_t host_reports = 0;
    std::uint64_t samples = 0;
    std::uint64_t samples_ignored = 0;         // out of sequence, or of a guest that is elsewhere
    std::uint64_t image_sketches_ignored = 0;  // of a guest that is elsewhere, or older than what is known
    std::uint64_t hosts_became_stale = 0;
    std::uint64_t duplicates_seen = 0;  // guests that executed on two hosts
    std::uint64_t protocol_faults = 0;
    std::uint64_t orphan_results = 0;  // results of jobs that we never made
    std::uint64_t orders_sent = 0;
    std::uint64_t acks_sent = 0;
    std::uint64_t idempotent_replays = 0;
    std::uint64_t planning_rounds = 0;
    std::uint64_t moves_planned = 0;
    std::uint64_t moves_skipped = 0;
    std::uint64_t predictions_compared = 0;  // plans
    std::uint64_t predictions_missed = 0;
    PredictionError prediction_error;
    std::uint64_t handover_forwarded = 0;
    std::uint64_t handover_dropped = 0;
    std::uint64_t migration_memory_bytes = 0;
    std::uint64_t migration_wire_bytes = 0;
    std::uint64_t migration_image_wire_bytes = 0;
    std::uint64_t migration_referenced_bytes = 0;
    std::uint64_t migration_downtime_ms = 0;  // summed over succeeded migrations
    Histogram migration_took;                 // of succeeded ones: from the first byte to the end
    // The desktop service
    std::array<std::array<std::uint64_t, desktop_states_count>, desktop_states_count>
        desktop_transitions{};                                 // [from][to]
    std::array<std::uint64_t, desktop_states_count> grants{};  // by the tier that they were taken from
    std::array<Histogram, desktop_states_count>
        grant_took{};  // by tier: from the request to the open session
    std::array<std::uint64_t, causes_count> sessions_ended{};  // by why
    std::uint64_t sessions_denied = 0;
    std::uint64_t desktop_starts_failed = 0;
    std::uint64_t desktop_deadlines_missed = 0;
    std::uint64_t wake_probes = 0;
    std::uint64_t guest_signals = 0;
    std::uint64_t guest_signals_ignored = 0;  // of nobody who was asked, or not the answer
    std::uint64_t relay_statuses = 0;
};

}  // namespace ballast::controller
