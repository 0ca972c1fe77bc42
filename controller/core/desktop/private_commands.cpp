// Private desktops: whose they are, and how one is booted.
#include "controller/core/desktop/parts.hpp"

namespace ballast::controller {
namespace {

constexpr std::size_t desktop_name_bytes_max = 47;  // see agent/core/admission.cpp

void refuse_unplaced(const DesktopPlacement& placement, std::uint64_t memory_mib, Outcome& outcome) noexcept {
    refuse(outcome, Slug::no_capacity, Fault::no_memory, "no host can take this private desktop now");
    outcome.reasons = placement.reasons;
    outcome.reasons_left_out = placement.reasons_left_out;
    outcome.retry_after_seconds = 30;
    if (!placement.nearest.empty()) {
        outcome.would_help.push(
            {compose("free ", placement.nearest_missing_mib, " MiB on ", placement.nearest),
             compose(placement.nearest, " could take this desktop of ", memory_mib, " MiB")});
    }
}

void assign(Step& step, const Command& command, Outcome& outcome) noexcept {
    Tables& t = step.t;
    const std::uint32_t pool = find_pool(t, command.target);
    if (pool == no_row || t.desktop_pools[pool].record.kind != VmKind::personal ||
        t.desktop_pools[pool].record.closing) {
        refuse(outcome, Slug::validation_failed, Fault::not_found,
               compose("expected the name of a private pool, and ", command.target, " is none"));
        outcome.pointer = "/pool";
        return;
    }
    const std::uint32_t known = find_private(t, command.user);
    if (known != no_row) {
        const bool same = t.desktops[known].pool == pool;
        outcome.kind = OutcomeKind::already_so;
        if (!same) {
            refuse(outcome, Slug::state_conflict, Fault::already_exists,
                   compose("the user has a private desktop of pool ", t.desktops[known].record.pool,
                           ": delete it first"));
        }
        return;
    }
    const auto name = compose<limits::name_bytes_max>(t.desktop_pools[pool].record.name, "-", command.user);
    bool ambiguous = false;
    if (name.size() > desktop_name_bytes_max || find_vm_row(t, name, ambiguous) != no_row || ambiguous) {
        refuse(outcome, Slug::state_conflict, Fault::already_exists,
               compose("the desktop's name would be ", name,
                       name.size() > desktop_name_bytes_max ? ", which is too long"
                                                            : ", which a guest has already"));
        return;
    }
    DesktopRecord wanted;
    wanted.name = Name{name.view()};
    wanted.user = command.user;
    if (const Name other = who_has_its_disks(t, pool, wanted); !other.empty()) {
        refuse(outcome, Slug::state_conflict, Fault::already_exists,
               compose("its disk would be the one that ", other, " writes to"));
        return;
    }
    outcome.kind = OutcomeKind::changed;
    std::string_view limit_name;
    if (!command.dry_run && add_desktop(step, pool, name, command.user, limit_name) == no_row) {
        refuse_limit(outcome, limit_name);
    }
}

void take_away(Step& step, const Command& command, Outcome& outcome) noexcept {
    const std::uint32_t row = find_private(step.t, command.user);
    if (row == no_row) {
        refuse(outcome, Slug::not_found, Fault::not_found,
               compose("user ", command.user, " has no private desktop"));
        return;
    }
    const DesktopRow& desktop = step.t.desktops[row];
    if (desktop.record.state != DesktopState::inactive || desktop.record.session != 0 ||
        step.t.vms[desktop.vm].state != VmState::inactive || !vm_blocked(step.t, desktop.vm).empty()) {
        refuse(outcome, Slug::state_conflict, Fault::state_conflict,
               compose("the desktop is ", to_string(desktop.record.state),
                       ": only an inactive one, which no host has, can be deleted"));
        return;
    }
    outcome.kind = OutcomeKind::changed;
    if (!command.dry_run) {
        forget_desktop(step, row);
    }
}

}  // namespace

std::uint32_t find_private(const Tables& t, std::string_view user) noexcept {
    return t.desktops.find([user](const DesktopRow& desktop) {
        return desktop.record.kind == VmKind::personal && desktop.record.user == user;
    });
}

void private_command(Step& step, const Command& command, Outcome& outcome) noexcept {
    outcome.user = command.user;
    if (!valid_name(command.user)) {
        refuse(outcome, Slug::validation_failed, Fault::invalid_argument,
               "user: expected letters, digits and ._-+, a letter or digit first");
        return;
    }
    if (command.kind == CommandKind::private_put) {
        assign(step, command, outcome);
    } else {
        take_away(step, command, outcome);
    }
}

bool start_private(Step& step, std::uint32_t row, Outcome* outcome) noexcept {
    Tables& t = step.t;
    const DesktopRow& desktop = t.desktops[row];
    const VmRow& vm = t.vms[desktop.vm];
    const bool builds = desktop.record.state == DesktopState::creating && desktop.goal == Goal::build;
    if (vm.state == VmState::unknown) {
        // It may run there: a second copy must never be made.
        if (outcome != nullptr) {
            refuse(*outcome, Slug::host_unreachable, Fault::host_unreachable,
                   compose("whether the desktop runs is not known: ", state_reason(t, vm)));
        }
        return false;
    }
    if ((desktop.record.state != DesktopState::inactive && !builds) || vm.state != VmState::inactive ||
        !vm_blocked(t, desktop.vm).empty()) {
        return true;  // on its way, or still on its way out
    }
    measure_hosts(step);
    const DesktopPlacement placement = place_desktop(step, desktop.pool, desktop.record.name);
    DecisionRow decision;
    decision.origin = JobOrigin::session;
    decision.vm = desktop.record.name;
    decision.pool = desktop.record.pool;
    if (placement.host == no_row) {
        decision.kind = DecisionKind::desktop_not_started;
        decision.why = "no host can take this private desktop now";
        decide(step, decision);
        if (outcome != nullptr) {
            refuse_unplaced(placement, t.desktop_pools[desktop.pool].record.guest.memory_mib, *outcome);
        }
        return false;
    }
    decision.kind = DecisionKind::desktop_started;
    decision.chosen = t.hosts[placement.host].record.name;
    decision.why = "its user logs in; the least loaded host that can take it";
    return start_desktop(step, row, placement.host, Cause::wanted, decide(step, decision).id);
}

}  // namespace ballast::controller
