// Operations on guests: what is allowed in which state, and what is so already.
#include <algorithm>
#include <array>

#include "controller/core/step.hpp"

namespace ballast::controller {
namespace {

// One line per operation: from which shown state it starts a job, in which it is done already, and which
// states the agent may find (truth may have changed since the last report).
struct Rule {
    CommandKind command;
    JobKind job;
    VmState from;
    VmState already;
    std::array<DomainState, 2> expected;
};
constexpr std::array rules{
    Rule{CommandKind::vm_pause,
         JobKind::pause,
         VmState::running,
         VmState::paused,
         {DomainState::running, DomainState::paused}},
    Rule{CommandKind::vm_unpause,
         JobKind::unpause,
         VmState::paused,
         VmState::running,
         {DomainState::paused, DomainState::running}},
    Rule{CommandKind::vm_save,
         JobKind::save,
         VmState::running,
         VmState::saved,
         {DomainState::running, DomainState::running}},
    Rule{CommandKind::vm_restore,
         JobKind::restore,
         VmState::saved,
         VmState::running,
         {DomainState::absent, DomainState::absent}},
    Rule{CommandKind::vm_shutdown,
         JobKind::shutdown,
         VmState::running,
         VmState::inactive,
         {DomainState::running, DomainState::powered_off}},
};

const Rule* rule_of(CommandKind command) noexcept {
    const auto rule = std::find_if(rules.begin(), rules.end(),
                                   [command](const Rule& candidate) { return candidate.command == command; });
    return rule == rules.end() ? nullptr : &*rule;
}

bool destroyable(const VmRow& vm) noexcept {
    return vm.state == VmState::running || vm.state == VmState::paused || vm.state == VmState::failed ||
           vm.state == VmState::stopping || handover_is_lost(vm);
}

void refuse_state(const Tables& t, std::uint32_t vm, Outcome& outcome, Fault fault,
                  const Detail& detail) noexcept {
    refuse(outcome, Slug::state_conflict, fault, detail);
    outcome.allowed_actions = actions_of(t, vm);
}

bool ends_guest(CommandKind kind) noexcept {
    return kind == CommandKind::vm_shutdown || kind == CommandKind::vm_destroy;
}

// Found, not created by us: only an operator who says so twice may end it.
bool needs_force(const VmRow& vm, const Command& command) noexcept {
    return ends_guest(command.kind) && vm.record.kind == VmKind::plain && !vm.record.ours && !command.force;
}

bool already(const VmRow& vm, CommandKind kind) noexcept {
    if (kind == CommandKind::vm_destroy) {
        return vm.state == VmState::inactive;
    }
    if (kind == CommandKind::vm_start) {
        return vm.state == VmState::running;
    }
    const Rule* rule = rule_of(kind);
    return rule != nullptr && vm.state == rule->already;
}

bool allowed(const VmRow& vm, CommandKind kind) noexcept {
    if (kind == CommandKind::vm_destroy) {
        return destroyable(vm);
    }
    const Rule* rule = rule_of(kind);
    return rule != nullptr && vm.state == rule->from;
}

void local_job(Step& step, const Command& command, std::uint32_t row, Outcome& outcome) noexcept {
    const VmRow& vm = step.t.vms[row];
    if (vm.record.kind == VmKind::personal &&
        (command.kind == CommandKind::vm_pause || command.kind == CommandKind::vm_save)) {
        refuse_state(step.t, row, outcome, Fault::unsupported, "a private desktop is never paused or saved");
        return;
    }
    if (!allowed(vm, command.kind)) {
        const bool paused = vm.state == VmState::paused;
        const Detail why = state_reason(step.t, vm);
        refuse_state(step.t, row, outcome, paused ? Fault::guest_paused : Fault::state_conflict,
                     compose("the guest is ", to_string(vm.state), why.empty() ? "" : " (", why,
                             why.empty() ? "" : ")"));
        return;
    }
    if (needs_force(vm, command)) {
        refuse_state(step.t, row, outcome, Fault::state_conflict,
                     "this guest was found, not created by ballast: ending it needs force");
        outcome.would_help.push({"repeat the request with \"force\": true", "the guest is ended"});
        return;
    }
    NewJob wanted;
    wanted.vm = row;
    wanted.host = vm.host;
    if (const Rule* rule = rule_of(command.kind)) {
        wanted.kind = rule->job;
        for (const DomainState state : rule->expected) {
            wanted.expected.push(state);
        }
    } else {
        wanted.kind = JobKind::destroy;  // whatever it does now: it is to be gone
    }
    accept_job(step, command, wanted, outcome);
}

void set_movable(Step& step, const Command& command, std::uint32_t row, Outcome& outcome) noexcept {
    VmRow& vm = step.t.vms[row];
    outcome.kind = vm.record.movable == command.flag ? OutcomeKind::already_so : OutcomeKind::changed;
    if (outcome.kind == OutcomeKind::changed && !command.dry_run) {
        vm.record.movable = command.flag;
        persist_vm(step, row);
    }
}

void forget(Step& step, const Command& command, std::uint32_t row, Outcome& outcome) noexcept {
    const VmRow& vm = step.t.vms[row];
    if (vm.desktop != no_row) {
        refuse_state(step.t, row, outcome, Fault::state_conflict,
                     compose("it is a desktop of pool ", step.t.desktops[vm.desktop].record.pool,
                             ", which forgets it itself"));
        return;
    }
    if (vm.state != VmState::inactive) {
        refuse_state(
            step.t, row, outcome, Fault::state_conflict,
            compose("the guest is ", to_string(vm.state), ": only an inactive one can be forgotten"));
        return;
    }
    outcome.kind = OutcomeKind::changed;
    if (!command.dry_run) {
        remove_vm(step, row);
    }
}

// The agent reads the guest's disks and leaves the guest alone.
void index_images(Step& step, const Command& command, std::uint32_t row, Outcome& outcome) noexcept {
    const VmRow& vm = step.t.vms[row];
    if (vm.state != VmState::running && vm.state != VmState::paused) {
        refuse_state(step.t, row, outcome, Fault::state_conflict,
                     compose("the guest is ", to_string(vm.state), ": its disks are found by its domain"));
        return;
    }
    const bool room = step.t.sketches.used() < step.t.sketches.limit();
    if (!room && find_sketch(step.t, no_row, row) == no_row) {
        refuse_limit(outcome, "image_sketches");
        return;
    }
    NewJob wanted;
    wanted.kind = JobKind::image_index;
    wanted.vm = row;
    wanted.host = vm.host;
    wanted.expected.push(DomainState::running);
    wanted.expected.push(DomainState::paused);
    accept_job(step, command, wanted, outcome);
}

void operate(Step& step, const Command& command, std::uint32_t row, Outcome& outcome) noexcept {
    const VmRow& vm = step.t.vms[row];
    if (already(vm, command.kind)) {
        outcome.kind = OutcomeKind::already_so;
        outcome.detail = compose("the guest is ", to_string(vm.state), " already");
    } else if (command.kind == CommandKind::vm_start) {
        create_command(step, command, outcome);
    } else if (command.kind == CommandKind::vm_forget) {
        forget(step, command, row, outcome);
    } else if (vm.host != no_row && !host_live(step.t, vm.host)) {
        refuse(outcome, Slug::host_unreachable, Fault::host_unreachable,
               compose("the agent of ", step.t.hosts[vm.host].record.name, " is not connected"));
    } else if (command.kind == CommandKind::vm_migrate) {
        migrate_command(step, command, row, outcome);
    } else if (command.kind == CommandKind::vm_index) {
        index_images(step, command, row, outcome);
    } else {
        local_job(step, command, row, outcome);
    }
}

}  // namespace

bool handover_is_lost(const VmRow& vm) noexcept {
    return vm.job == no_row && vm.state == VmState::migrating && vm.state_reason == VmReason::departing;
}

Detail vm_blocked(const Tables& t, std::uint32_t row) noexcept {
    const VmRow& vm = t.vms[row];
    if (vm.duplicate_suspected) {
        return state_reason(t, vm);
    }
    if (vm.job == no_row && vm.desktop != no_row && vm.may_run_on) {
        return "it is suspended, and its host may still let it run on";
    }
    if (vm.job == no_row) {
        // One whose disks are still being made is awaited too, and is nobody's yet to leave alone.
        const bool waking = vm.desktop != no_row && vm.state == VmState::running &&
                            t.desktops[vm.desktop].awaited != Awaited::nothing;
        return waking ? Detail{"its guest has not said yet that it is up"} : Detail{};
    }
    const JobRecord& job = t.jobs[vm.job].record;
    return compose(
        "job ", job.id, " (", to_string(job.kind), ") ",
        ended(job.state) ? "was given up, and its host has not said what became of it" : "is under way");
}

FixedVector<CommandKind, 12> actions_of(const Tables& t, std::uint32_t row) noexcept {
    FixedVector<CommandKind, 12> actions;
    const VmRow& vm = t.vms[row];
    if (!vm_blocked(t, row).empty() || (vm.host != no_row && !host_live(t, vm.host))) {
        return actions;
    }
    for (const Rule& rule : rules) {
        if (vm.state == rule.from) {
            actions.push(rule.command);
        }
    }
    if (destroyable(vm)) {
        actions.push(CommandKind::vm_destroy);
    }
    if (vm.state == VmState::running) {
        actions.push(CommandKind::vm_migrate);
    }
    if (vm.state == VmState::inactive && vm.desktop == no_row) {
        if (vm.definition != no_row) {
            actions.push(CommandKind::vm_start);
        }
        actions.push(CommandKind::vm_forget);
    }
    return actions;
}

void vm_command(Step& step, const Command& command, Outcome& outcome) noexcept {
    bool ambiguous = false;
    const std::uint32_t row = find_vm_row(step.t, command.target, ambiguous);
    if (row == no_row) {
        if (ambiguous) {
            refuse(outcome, Slug::state_conflict, Fault::state_conflict,
                   compose("several guests are called ", command.target, ": give the uuid"));
        } else {
            refuse(outcome, Slug::not_found, Fault::not_found, compose("no guest ", command.target));
        }
        return;
    }
    const VmRow& vm = step.t.vms[row];
    outcome.vm_uuid = vm.record.uuid;
    if (command.kind == CommandKind::vm_set_movable) {
        set_movable(step, command, row, outcome);
    } else if (const Detail blocked = vm_blocked(step.t, row); !blocked.empty()) {
        const bool in_use = !vm.duplicate_suspected;
        refuse_state(step.t, row, outcome, in_use ? Fault::domain_in_use : Fault::state_conflict, blocked);
    } else {
        operate(step, command, row, outcome);
    }
}

}  // namespace ballast::controller
