// The controller's core: hosts, guests, jobs, plans and decisions, and the one function that changes them.
// Pure: no I/O, no clock, no randomness, no heap. The same events give the same actions, byte for byte.
//
// Life: Core(settings, memory) -> restore_* for what the store holds -> start -> step, step, step.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/arena.hpp"
#include "base/result.hpp"
#include "controller/core/actions.hpp"
#include "controller/core/budget.hpp"
#include "controller/core/counters.hpp"
#include "controller/core/events.hpp"
#include "controller/core/rows.hpp"
#include "controller/core/settings.hpp"

namespace ballast::controller {

struct Tables;

class Core {
  public:
    // What the constructor needs at `memory`, and what it is made of.
    static std::size_t bytes_needed(const Settings& settings) noexcept;
    static Budget budget(const Settings& settings) noexcept;

    // `memory` must outlive the core, be aligned to 64 bytes and hold bytes_needed().
    // REQUIRES: the settings name a known policy and pass policy::check.
    Core(const Settings& settings, std::span<std::byte> memory) noexcept;
    Core(const Core&) = delete;
    Core& operator=(const Core&) = delete;

    // ---- before start: what the store holds, hosts first, then guests and definitions, pools, desktops,
    // sessions, jobs, plans, keys, changes ---- `limit_reached` when the tables are smaller than what is
    // stored; `invalid_argument` when the record contradicts what was restored before it.
    void restore_identity(const Identity& identity) noexcept;
    Status restore_host(const HostRecord& record) noexcept;
    Status restore_vm(const VmRecord& record) noexcept;
    Status restore_definition(const wire::GuestSpec& spec) noexcept;
    Status restore_desktop_pool(const DesktopPoolRecord& record) noexcept;
    Status restore_desktop(const DesktopRecord& record) noexcept;
    Status restore_session(const SessionRecord& record) noexcept;
    Status restore_job(const JobRecord& record) noexcept;
    Status restore_plan(const PlanView& plan) noexcept;
    Status restore_idempotency(const IdempotencyRecord& record) noexcept;
    // Oldest first. Changes of guests that were forgotten are passed over.
    Status restore_change(const HistoryChange& change) noexcept;
    // Turns the records' wall times into deadlines. Once, before the first step.
    void start(const Now& now) noexcept;

    // Applies one event. Clears `out` and fills it with what to do, in order. A fault says that the event
    // itself was refused (an unknown link, a message that breaks the protocol); the actions are to be
    // performed all the same.
    Status step(const Event& event, const Now& now, Actions& out) noexcept;

    // The message for a SendOrder of the last step.
    void fill_order(const SendOrder& order, const Now& now, wire::JobOrder& out) const noexcept;

    // ---- reading; rows that are not in_use are empty ----
    std::span<const HostRow> hosts() const noexcept;
    std::span<const VmRow> vms() const noexcept;
    std::span<const JobRow> jobs() const noexcept;
    std::span<const PlanRow> plans() const noexcept;
    std::span<const LinkRow> links() const noexcept;
    std::span<const DesktopPoolRow> desktop_pools() const noexcept;
    std::span<const DesktopRow> desktops() const noexcept;
    std::span<const SessionRow> sessions() const noexcept;
    const HostRow& host(std::uint32_t row) const noexcept;
    const VmRow& vm(std::uint32_t row) const noexcept;
    // The guests that are on the host.
    template <class Visit>
    void each_guest(std::uint32_t host_row, Visit visit) const noexcept {
        for (std::uint32_t row = host(host_row).first_guest; row != no_row; row = vm(row).next_here) {
            visit(vm(row));
        }
    }
    const JobRow& job(std::uint32_t row) const noexcept;
    PlanView plan(std::uint32_t row) const noexcept;
    const DefinitionRow& definition(std::uint32_t row) const noexcept;
    const IdempotencyRow& idempotency(std::uint32_t row) const noexcept;
    const DesktopPoolRow& desktop_pool(std::uint32_t row) const noexcept;
    const DesktopRow& desktop(std::uint32_t row) const noexcept;
    const SessionRow& session(std::uint32_t row) const noexcept;
    // By name or uuid. `no_row` when there is none, and for a guest's name that two guests have (`ambiguous`
    // is set).
    std::uint32_t find_host(std::string_view name_or_uuid) const noexcept;
    std::uint32_t find_vm(std::string_view name_or_uuid, bool* ambiguous = nullptr) const noexcept;
    std::uint32_t find_job(std::uint64_t id) const noexcept;
    std::uint32_t find_plan(std::uint64_t id) const noexcept;
    std::uint32_t find_desktop_pool(std::string_view name) const noexcept;
    std::uint32_t find_private_desktop(std::string_view user) const noexcept;
    std::uint32_t find_session(std::uint64_t id) const noexcept;

    // Age 0 is the newest; null beyond the oldest.
    const DecisionRow* decision(std::size_t age) const noexcept;
    // The newest of balancing's own rounds and of plans; null when none is kept.
    const DecisionRow* last_balancing_decision() const noexcept;
    const DecisionRow* find_decision(std::uint64_t id) const noexcept;

    // The plan of the last dry run (plan_create, rebalance). Valid until the next one.
    PlanView dry_plan() const noexcept;
    // The last round that was planned, with its verdict on every guest and host (by row). Valid until the
    // next step.
    const policy::Plan& last_round() const noexcept;

    // The ranking of the last dry run or migration that needed one; no guest when it needed none. Valid until
    // the next step.
    const Ranking& last_ranking() const noexcept;

    // What may be done with the guest now.
    FixedVector<CommandKind, 12> allowed_actions(std::uint32_t vm) const noexcept;
    // Why the guest is shown in its state, in words; empty: the state says it all.
    Detail vm_state_reason(const VmRow& vm) const noexcept;
    // Means over the configured window: cores used by the guest; utilisations of the host (0..1, policy
    // definitions).
    double vm_cpu_cores(std::uint32_t vm) const noexcept;
    policy::HostLoad host_load(std::uint32_t host) const noexcept;
    // Memory of the host's guests, moves in flight counted on both sides; and what is kept from guests.
    std::uint64_t host_memory_used_mib(std::uint32_t host) const noexcept;
    std::uint64_t host_memory_reserved_mib(std::uint32_t host) const noexcept;
    // By its operator and the configuration; what is under way just now aside.
    bool policies_may_move(const VmRow& vm) const noexcept;
    // Of which no two should share a host. Empty: none.
    std::string_view vm_group(const VmRow& vm) const noexcept;

    const Counters& counters() const noexcept;
    LimitUses limits() const noexcept;
    const Settings& settings() const noexcept;
    const Uuid& store_id() const noexcept;
    // All known hosts have reported, or have had the time to since the start: answers are complete.
    bool ready(const Now& now) const noexcept;

  private:
    Tables* tables_;  // in `memory`
};

}  // namespace ballast::controller
