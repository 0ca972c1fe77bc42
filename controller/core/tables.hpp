// Everything that the core knows, in one arena.
#pragma once

#include <cstdint>
#include <span>

#include "base/arena.hpp"
#include "base/table.hpp"
#include "controller/core/counters.hpp"
#include "controller/core/rows.hpp"
#include "controller/core/settings.hpp"
#include "controller/core/uuid_index.hpp"
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
    UuidIndex vm_index;

    std::span<DecisionRow> decisions;  // a ring: id modulo its size
    std::uint64_t last_decision = 0;   // its id; 0: none yet

    // Storage of the rows' series and lists, by row.
    std::span<double> host_samples;
    std::span<double> vm_samples;
    std::span<PlanMove> plan_moves;
    std::span<PlanRejection> plan_rejected;
    std::span<PlanHostLoad> plan_hosts;

    // Intermediate results of planning and placement; nothing in them survives a step.
    std::span<policy::Host> model_hosts;  // by host row
    std::span<policy::Vm> model_vms;      // by VM row
    std::span<bool> capable;              // by host row
    std::span<policy::Rejection> placement_rejected;
    std::span<std::uint32_t> order;  // of VM rows
    policy::Workspace workspace;
    policy::Plan plan;
    PlanRow dry_plan;

    Counters counters;
    Instant started;
    Instant balance_next;

    // Fresh rows with their storage; `no_row` when the table is full (the refusal is counted).
    std::uint32_t add_host() noexcept;
    std::uint32_t add_vm() noexcept;
    std::uint32_t add_plan() noexcept;
};

inline constexpr std::size_t series_per_host = 2;
inline constexpr std::size_t series_per_vm = 4;

}  // namespace ballast::controller
