// From what several hosts say of a guest to what it is: where it is, what it does, and whether two claim it.
#include <algorithm>

#include "controller/core/desktop/parts.hpp"

namespace ballast::controller {
namespace {

bool executes(const Sighting& sighting) noexcept {
    return !sighting.saved && sighting.in_flight == wire::InFlight::no;
}

// Which of several sightings tells where the guest is. The word of a silent host counts less than that of one
// that talks, but more than a copy that is not ours to run yet.
int rank(const Tables& t, const Sighting& sighting) noexcept {
    const bool live = host_live(t, sighting.host);
    if (executes(sighting)) {
        return live ? 6 : 4;
    }
    if (sighting.saved) {
        return live ? 3 : 1;
    }
    return sighting.in_flight == wire::InFlight::departing ? (live ? 5 : 2) : 0;
}

const Sighting* best_sighting(const Tables& t, const VmRow& vm) noexcept {
    const std::uint32_t destination = vm.job == no_row ? no_row : t.jobs[vm.job].destination_host;
    const Sighting* best = nullptr;
    for (const Sighting& sighting : vm.sightings) {
        if (best == nullptr) {
            best = &sighting;
            continue;
        }
        const int difference = rank(t, sighting) - rank(t, *best);
        // Two claim to run it while reports cross: a destination that says so has it; else it stays where it
        // was.
        const bool preferred =
            sighting.host == destination || (best->host != destination && sighting.host == vm.host);
        if (difference > 0 || (difference == 0 && preferred)) {
            best = &sighting;
        }
    }
    return best;
}

VmState state_of_operation(JobKind kind) noexcept {
    switch (kind) {
        case JobKind::create:
        case JobKind::clone: return VmState::creating;
        case JobKind::pause: return VmState::pausing;
        case JobKind::unpause: return VmState::unpausing;
        case JobKind::save: return VmState::saving;
        case JobKind::restore: return VmState::restoring;
        case JobKind::shutdown:
        case JobKind::destroy: return VmState::stopping;
        case JobKind::migrate:
        case JobKind::migrate_in:
        case JobKind::migrate_out: return VmState::migrating;
        case JobKind::none:
        case JobKind::disk_create:
        case JobKind::disk_delete:
        case JobKind::golden_keep:
        case JobKind::image_index: break;
    }
    return VmState::unknown;
}

struct View {
    VmState state;
    VmReason reason;
};

View view_of_domain(const Sighting& sighting) noexcept {
    switch (sighting.state) {
        case DomainState::running: return {VmState::running, VmReason::none};
        case DomainState::paused: return {VmState::paused, VmReason::none};
        case DomainState::suspended: return {VmState::failed, VmReason::suspended};
        case DomainState::powered_off:
        case DomainState::dying:
        case DomainState::rebooting: return {VmState::stopping, VmReason::shut_down};
        case DomainState::crashed: return {VmState::failed, VmReason::crashed};
        case DomainState::unknown:
        case DomainState::absent: break;
    }
    return {VmState::unknown, VmReason::not_told};
}

View view(const Tables& t, const VmRow& vm, const Sighting* best) noexcept {
    // Copying a saved guest's file, deleting another, or reading its disks leaves the guest what it is.
    const bool under_way = vm.job != no_row && !ended(t.jobs[vm.job].record.state) &&
                           t.jobs[vm.job].record.kind != JobKind::golden_keep &&
                           t.jobs[vm.job].record.kind != JobKind::image_index &&
                           t.jobs[vm.job].record.kind != JobKind::disk_delete;
    if (under_way) {
        const JobRecord& job = t.jobs[vm.job].record;
        return {state_of_operation(job.kind), VmReason::job};
    }
    if (best == nullptr && vm.unconfirmed) {
        return {VmState::unknown, VmReason::not_all_reported};
    }
    if (best == nullptr) {
        return {VmState::inactive, VmReason::none};
    }
    if (!host_live(t, best->host)) {
        return {VmState::unknown, VmReason::host_away};
    }
    if (best->saved) {
        return {VmState::saved, VmReason::none};
    }
    if (best->in_flight == wire::InFlight::departing) {
        return {VmState::migrating, VmReason::departing};
    }
    if (best->in_flight == wire::InFlight::incoming) {
        return {VmState::migrating, VmReason::incoming};
    }
    return view_of_domain(*best);
}

void watch_for_duplicate(Step& step, VmRow& vm) noexcept {
    std::size_t claims = 0;
    bool explained = vm.job != no_row && step.t.jobs[vm.job].record.kind == JobKind::migrate;
    for (const Sighting& sighting : vm.sightings) {
        if (executes(sighting) && host_live(step.t, sighting.host)) {
            ++claims;
            explained = explained && (sighting.host == step.t.jobs[vm.job].source_host ||
                                      sighting.host == step.t.jobs[vm.job].destination_host);
        }
    }
    const bool suspected = claims > 1 && !explained;
    if (!suspected) {
        vm.duplicate = vm.duplicate_suspected = false;
        return;
    }
    if (!vm.duplicate_suspected) {
        vm.duplicate_suspected = true;
        vm.duplicate_since = step.now.mono;
    }
    if (!vm.duplicate && step.now.mono - vm.duplicate_since >= step.t.settings.duplicate_grace) {
        vm.duplicate = true;
        ++step.t.counters.duplicates_seen;
        step.report(
            Severity::error, Subject::vm, "vm_duplicate", vm.record.name, 0,
            "two hosts report that they execute it: nothing is done with it until one of them does not");
    }
}

// While its agent has not said what became of an operation, and for a while after that, a guest that is
// suspended is nobody's to give up.
void watch_suspended(Step& step, VmRow& vm, const View& seen) noexcept {
    if (seen.reason != VmReason::suspended) {
        vm.may_run_on = false;
        vm.suspended_since = {};
        return;
    }
    if (vm.suspended_since == Instant{} || vm.job != no_row) {
        vm.suspended_since = step.now.mono;
    }
    vm.may_run_on = step.now.mono - vm.suspended_since < step.t.settings.suspended_grace;
}

// Whose disks are being made is created there next: others are to find the room taken.
bool to_be_there(JobKind kind) noexcept {
    return kind == JobKind::create || kind == JobKind::clone || kind == JobKind::disk_create;
}

// The facts of the place where it is.
void take_place(Step& step, std::uint32_t row, const Sighting* best) noexcept {
    VmRow& vm = step.t.vms[row];
    const std::uint32_t before = vm.host;
    if (best == nullptr) {
        const bool to_come = vm.job != no_row && to_be_there(step.t.jobs[vm.job].record.kind) &&
                             !step.t.jobs[vm.job].settled();
        set_vm_host(step.t, row, to_come ? step.t.jobs[vm.job].source_host : no_row);
        vm.domain_state = DomainState::absent;
        vm.console_port = 0;
        return;
    }
    set_vm_host(step.t, row, best->host);
    vm.domain_state = best->saved ? DomainState::absent : best->state;
    step.t.rooms_hold = step.t.rooms_hold && vm.memory_mib == best->memory_mib;
    vm.memory_mib = best->memory_mib;
    vm.vcpus = best->vcpus;
    vm.console_port = best->console_port;
    vm.record.last_host = step.t.hosts[best->host].record.name;
    if (before != no_row && before != vm.host && executes(*best)) {
        note_moved(step, row, before);  // by whomever: the cool-down holds for it too
        step.report(Severity::info, Subject::vm, "vm_moved", vm.record.name, 0,
                    compose(step.t.hosts[before].record.name, " -> ", vm.record.last_host));
    }
}

// For the guest's history and for the log.
void tell_change(Step& step, std::uint32_t row, VmState before) noexcept {
    const VmRow& vm = step.t.vms[row];
    if (vm.desktop == no_row) {  // a desktop has a machine of its own
        note(step, row,
             {{},
              0,
              0,
              MachineKind::guest,
              static_cast<std::uint8_t>(before),
              static_cast<std::uint8_t>(vm.state),
              vm.job == no_row                          ? Cause::found_so
              : ended(step.t.jobs[vm.job].record.state) ? Cause::job_ended
                                                        : step.t.jobs[vm.job].cause});
    }
    step.report(vm.state == VmState::failed ? Severity::warning : Severity::info, Subject::vm, "vm_state",
                vm.record.name, 0,
                compose(to_string(before), " -> ", to_string(vm.state),
                        vm.state_reason == VmReason::none ? "" : ": ", state_reason(step.t, vm)));
}

}  // namespace

void refresh_vm(Step& step, std::uint32_t row) noexcept {
    VmRow& vm = step.t.vms[row];
    const Sighting* best = best_sighting(step.t, vm);
    take_place(step, row, best);
    watch_for_duplicate(step, vm);
    const View seen = view(step.t, vm, best);
    watch_suspended(step, vm, seen);
    const VmState before = vm.state;
    // What was not known since a start of ours, and runs as it did, has not changed.
    const bool known_again =
        seen.state == VmState::running &&
        (vm.state_reason == VmReason::not_reported || vm.state_reason == VmReason::not_all_reported);
    vm.state_reason = vm.duplicate             ? VmReason::claimed_twice
                      : vm.duplicate_suspected ? VmReason::maybe_claimed_twice
                                               : seen.reason;
    if (seen.state == VmState::inactive && vm.inactive_since.unix_ms == 0) {
        vm.inactive_since = step.now.wall;
    } else if (seen.state != VmState::inactive) {
        vm.inactive_since = {};
    }
    if (seen.state == before) {
        if (vm.desktop != no_row) {
            follow_desktop(step, vm.desktop);
        }
        return;
    }
    step.t.rooms_hold = false;
    vm.state = seen.state;
    if (!known_again) {
        tell_change(step, row, before);
    }
    ++step.t.counters.vm_transitions[static_cast<std::size_t>(before)][static_cast<std::size_t>(vm.state)];
    if (vm.state == VmState::saved || vm.state == VmState::inactive) {
        // What it used before says nothing about what it will use; and it uses nothing now.
        vm.cpu_cores.clear();
        vm.net_mbps.clear();
        vm.disk_mbps.clear();
        vm.memory_used_mib.clear();
    }
    if (vm.desktop != no_row) {
        follow_desktop(step, vm.desktop);
    }
}

void persist_vm(Step& step, std::uint32_t vm) noexcept {
    step.t.vms[vm].recorded = true;
    step.out.add(PersistVm{vm});
}

void note_moved(Step& step, std::uint32_t vm, std::uint32_t from) noexcept {
    VmRecord& record = step.t.vms[vm].record;
    record.last_moved = step.now.wall;
    record.came_from = step.t.hosts[from].record.name;
    persist_vm(step, vm);
}

void note_started(Step& step, std::uint32_t vm) noexcept {
    step.t.vms[vm].record.started = step.now.wall;
    if (step.t.vms[vm].recorded) {
        persist_vm(step, vm);
    }
}

void remove_vm(Step& step, std::uint32_t vm) noexcept {
    VmRow& row = step.t.vms[vm];
    for (JobRow& job : step.t.jobs.rows()) {
        if (job.in_use && job.vm == vm) {
            job.vm = no_row;
        }
    }
    if (row.definition != no_row) {
        step.t.definitions.remove(row.definition);
    }
    if (row.recorded) {
        step.out.add(ForgetVm{row.record.uuid});
    }
    while (!row.sightings.empty()) {
        drop_sighting(step.t, vm, row.sightings[0].host);
    }
    forget_sketches(step.t, no_row, vm);
    set_vm_host(step.t, vm, no_row);
    step.t.vm_index.remove(row.record.uuid);
    step.t.vms.remove(vm);
}

std::uint32_t vm_row(Step& step, const Uuid& uuid, std::string_view name) noexcept {
    const std::uint32_t known = step.t.vm_index.find(uuid);
    if (known != no_row) {
        return known;
    }
    std::uint32_t row = step.t.add_vm();
    if (row == no_row) {
        const std::uint32_t oldest = [&] {
            std::uint32_t found = no_row;
            for (std::uint32_t vm = 0; vm < step.t.vms.rows().size(); ++vm) {
                const VmRow& candidate = step.t.vms[vm];
                const bool idle = candidate.inactive_since.unix_ms != 0 && candidate.definition == no_row &&
                                  candidate.desktop == no_row && candidate.job == no_row;
                if (idle &&
                    (found == no_row || candidate.inactive_since < step.t.vms[found].inactive_since)) {
                    found = vm;
                }
            }
            return found;
        }();
        if (oldest == no_row) {
            step.report(Severity::error, Subject::vm, "vm_ignored", name, 0,
                        compose("limit vms: ", step.t.vms.limit(), " guests are known"));
            return no_row;
        }
        remove_vm(step, oldest);
        row = step.t.add_vm();
    }
    VmRow& vm = step.t.vms[row];
    vm.record.uuid = uuid;
    vm.record.name = name.empty() ? Name{to_text(uuid).view()} : Name{name};
    step.t.vm_index.add(uuid, row);
    return row;
}

std::uint32_t find_vm_row(const Tables& t, std::string_view name_or_uuid, bool& ambiguous) noexcept {
    ambiguous = false;
    if (const auto uuid = parse_uuid(name_or_uuid)) {
        return t.vm_index.find(*uuid);
    }
    std::uint32_t found = no_row;
    for (std::uint32_t vm = 0; vm < t.vms.rows().size(); ++vm) {
        if (t.vms[vm].in_use && t.vms[vm].record.name == name_or_uuid) {
            ambiguous = found != no_row;
            if (ambiguous) {
                return no_row;
            }
            found = vm;
        }
    }
    return found;
}

void tick_vms(Step& step) noexcept {
    // A guest of which the store speaks, and no host, may still run on one that is not connected. To call it
    // inactive would allow a second copy to be started.
    const auto hosts = step.t.hosts.rows();
    const bool all_live = std::all_of(hosts.begin(), hosts.end(), [](const HostRow& host) {
        return !host.in_use || (host.link != 0 && host.inventory_known);
    });
    std::size_t forgotten = 0;
    for (std::uint32_t row = 0; row < step.t.vms.rows().size(); ++row) {
        VmRow& vm = step.t.vms[row];
        if (!vm.in_use) {
            continue;
        }
        if (vm.unconfirmed && all_live) {
            vm.unconfirmed = false;
            refresh_vm(step, row);
        }
        if ((vm.duplicate_suspected && !vm.duplicate) || vm.may_run_on) {
            refresh_vm(step, row);
        }
        const bool over =
            vm.inactive_since.unix_ms != 0 &&
            step.now.wall.unix_ms - vm.inactive_since.unix_ms >= step.t.settings.forget_vm_after.ms;
        if (over && vm.definition == no_row && vm.desktop == no_row && vm.job == no_row &&
            forgotten < forgotten_per_tick_max) {
            ++forgotten;
            step.report(Severity::info, Subject::vm, "vm_forgotten", vm.record.name, 0,
                        "it has been on no host for long");
            remove_vm(step, row);
        }
    }
}

}  // namespace ballast::controller
