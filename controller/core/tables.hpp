// Everything that the core knows, in one arena.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>

#include "base/arena.hpp"
#include "base/table.hpp"
#include "controller/core/counters.hpp"
#include "controller/core/destinations.hpp"
#include "controller/core/row_index.hpp"
#include "controller/core/rows.hpp"
#include "controller/core/settings.hpp"
#include "policy/policy.hpp"

namespace ballast::controller {

struct Tables {
    Tables(const Settings& given, Arena& arena) noexcept;

    Settings settings;
    Identity identity;
    Table<LinkRow> links;
    Table<HostRow> hosts;
    Table<VmRow> vms;
    Table<JobRow> jobs;
    Table<DefinitionRow> definitions;
    Table<PlanRow> plans;
    Table<IdempotencyRow> keys;
    Table<HandoverRow> handovers;
    Table<DesktopPoolRow> desktop_pools;
    Table<DesktopRow> desktops;
    Table<SessionRow> sessions;
    Table<SketchRow> sketches;
    UuidIndex vm_index;
    IdIndex job_index;
    IdIndex session_index;
    IdIndex link_index;

    std::span<DecisionRow> decisions;       // a ring: id modulo its size
    std::uint64_t last_decision = 0;        // its id; 0: none yet
    std::uint64_t decisions_forgotten = 0;  // numbers up to this one are of before the start
    // How many decisions the ring holds.
    std::uint64_t decisions_kept() const noexcept {
        return std::min<std::uint64_t>(last_decision - decisions_forgotten, decisions.size());
    }

    // Storage of the rows' series and lists, by row.
    std::span<float> host_samples;
    std::span<float> vm_samples;
    std::span<PlanMove> plan_moves;
    std::span<PlanRejection> plan_rejected;
    std::span<PlanHostLoad> plan_hosts;
    std::span<PackedChange> vm_history;
    std::span<HostTrial> trials;  // by pool, then by host
    std::span<std::uint64_t> sketch_keys;

    // Intermediate results of planning and placement; nothing in them survives a step.
    std::span<policy::Host> model_hosts;  // by host row
    std::span<policy::Vm> model_vms;      // by VM row
    std::span<bool> capable;              // by host row
    std::span<policy::Rejection> placement_rejected;
    std::span<std::uint32_t> order;  // of VM rows
    std::span<HostRoom> rooms;       // by host row
    std::span<Destination> destinations;
    Ranking ranking;  // of the last command that made one
    std::uint64_t agent_jobs_refused = 0;
    bool rooms_hold = false;  // what they count (memory, starts, operations) has not changed since
    policy::Workspace workspace;
    policy::Plan plan;
    PlanRow dry_plan;

    Counters counters;
    Instant started;
    Instant balance_next;
    std::uint64_t nonces = 0;  // given to guests since the start
    StoreRound store_round;

    // Fresh rows with their storage; `no_row` when the table is full (the refusal is counted).
    std::uint32_t add_host() noexcept;
    std::uint32_t add_vm() noexcept;
    std::uint32_t add_plan() noexcept;
    std::uint32_t add_sketch() noexcept;

    HostTrial& trial(std::uint32_t pool, std::uint32_t host) noexcept { return trials_of(pool)[host]; }
    const HostTrial& trial(std::uint32_t pool, std::uint32_t host) const noexcept {
        return trials[std::size_t{pool} * settings.limits.hosts + host];
    }
    std::span<HostTrial> trials_of(std::uint32_t pool) noexcept {
        return trials.subspan(std::size_t{pool} * settings.limits.hosts, settings.limits.hosts);
    }
};

inline constexpr std::size_t series_per_host = 2;
inline constexpr std::size_t series_per_vm = 4;

}  // namespace ballast::controller
