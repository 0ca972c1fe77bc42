// What a desktop is, worked out of what its guest does, and the one setter of its state.
#include <algorithm>

#include "controller/core/desktop/parts.hpp"
#include "controller/core/machines.hpp"

namespace ballast::controller {
namespace {

bool personal(const DesktopRow& desktop) noexcept {
    return desktop.record.kind == VmKind::personal;
}

bool allows(const DesktopRow& desktop, DesktopState from, DesktopState to) noexcept {
    return personal(desktop) ? private_desktop.allows(from, to) : common_desktop.allows(from, to);
}

bool transitional(const DesktopRow& desktop, DesktopState state) noexcept {
    return personal(desktop) ? private_desktop.transitional(state) : common_desktop.transitional(state);
}

// How long the desktop may stay in the state: its job's own time, in which the controller gives the job up,
// and what is waited for after that.
Duration patience(const Tables& t, const DesktopRow& desktop, DesktopState state) noexcept {
    const Settings& settings = t.settings;
    const PoolRules& rules = t.desktop_pools[desktop.pool].record.rules;
    const Duration grace = settings.deadline_grace * 2;
    const Duration boot = rules.guest_signals ? ballast::seconds(rules.boot_timeout_seconds) : Duration{};
    const Duration probe = settings.desktops.probe;
    switch (state) {
        case DesktopState::creating:
            return settings.deadline(JobKind::create) * (1 + std::int64_t{volumes_per_desktop_max}) + grace +
                   (personal(desktop) ? Duration{} : boot);
        case DesktopState::booting: return boot + grace;
        case DesktopState::pausing: return settings.deadline(JobKind::pause) + grace;
        case DesktopState::unpausing: return settings.deadline(JobKind::unpause) + grace + probe;
        case DesktopState::saving: return settings.deadline(JobKind::save) + grace;
        case DesktopState::restoring: return settings.deadline(JobKind::restore) + grace + probe;
        case DesktopState::stopping:
            return std::max(settings.deadline(JobKind::shutdown),
                            ballast::seconds(rules.shutdown_grace_seconds)) +
                   settings.deadline(JobKind::destroy) + grace;
        case DesktopState::migrating: return settings.deadline(JobKind::migrate) + grace;
        case DesktopState::inactive:
        case DesktopState::ready:
        case DesktopState::running:
        case DesktopState::paused:
        case DesktopState::saved:
        case DesktopState::failed: break;
    }
    return Duration{};
}

// Where a guest that runs stands with its desktop.
DesktopState state_of_running(const Tables& t, const DesktopRow& desktop) noexcept {
    const DesktopState present = desktop.record.state;
    if (present == DesktopState::failed) {
        return present;  // it is not trusted any more: clean-up removes it
    }
    if (desktop.awaited != Awaited::nothing) {
        const bool boots = personal(desktop) && desktop.awaited == Awaited::boot;
        return boots ? DesktopState::booting : present;
    }
    if (personal(desktop) && present == DesktopState::creating) {
        return DesktopState::booting;
    }
    if (personal(desktop)) {
        return session_up(t, desktop) || present == DesktopState::running ? DesktopState::running
                                                                          : DesktopState::ready;
    }
    // Whoever was used and is to be reset never looks ready again: it goes from running to stopping.
    const bool dirty = desktop.record.used && desktop.record.session == 0 &&
                       t.desktop_pools[desktop.pool].record.rules.after_session == AfterSession::reset;
    return session_up(t, desktop) || dirty ? DesktopState::running : DesktopState::ready;
}

DesktopState state_of_absent(const DesktopRow& desktop) noexcept {
    if (desktop.record.state == DesktopState::creating) {
        return desktop.goal == Goal::build ? DesktopState::creating : DesktopState::failed;
    }
    // A failed one stays to be counted and cleaned up by the tick.
    return desktop.record.state == DesktopState::failed ? DesktopState::failed : DesktopState::inactive;
}

DesktopState state_seen(const Tables& t, const DesktopRow& desktop, const VmRow& vm) noexcept {
    const DesktopState present = desktop.record.state;
    const auto unless_failed = [present](DesktopState state) {
        return present == DesktopState::failed ? present : state;
    };
    switch (vm.state) {
        case VmState::unknown: return present;  // its host is away
        case VmState::inactive: return state_of_absent(desktop);
        case VmState::running: return state_of_running(t, desktop);
        case VmState::paused: return unless_failed(DesktopState::paused);
        case VmState::saved: return unless_failed(DesktopState::saved);
        case VmState::creating: return unless_failed(DesktopState::creating);
        case VmState::pausing: return unless_failed(DesktopState::pausing);
        case VmState::unpausing: return unless_failed(DesktopState::unpausing);
        case VmState::saving: return unless_failed(DesktopState::saving);
        case VmState::restoring: return unless_failed(DesktopState::restoring);
        case VmState::stopping: return DesktopState::stopping;
        case VmState::migrating: return unless_failed(DesktopState::migrating);
        case VmState::failed: return vm.may_run_on ? present : DesktopState::failed;
    }
    return present;
}

Cause cause_of(const Tables& t, const DesktopRow& desktop, const VmRow& vm, DesktopState to) noexcept {
    if (to == DesktopState::failed) {
        return desktop.record.state == DesktopState::creating ? Cause::job_failed : Cause::found_so;
    }
    if (vm.job != no_row) {
        const JobRow& job = t.jobs[vm.job];
        return ended(job.record.state) ? Cause::job_ended : job.cause;
    }
    if (to == DesktopState::inactive) {
        return desktop.record.state == DesktopState::stopping ? Cause::job_ended : Cause::gone;
    }
    if (to == DesktopState::running) {
        return Cause::session_opened;
    }
    if (desktop.record.state == DesktopState::running && to == DesktopState::ready) {
        return Cause::session_ended;
    }
    return transitional(desktop, desktop.record.state) ? Cause::job_ended : Cause::found_so;
}

void await_guest(const Tables& t, DesktopRow& desktop, DesktopState to) noexcept {
    const bool signals = t.desktop_pools[desktop.pool].record.rules.guest_signals;
    if (to == DesktopState::creating) {
        desktop.awaited = signals ? Awaited::boot : Awaited::nothing;
    } else if (to == DesktopState::unpausing || to == DesktopState::restoring) {
        desktop.awaited = Awaited::wake;
    } else if (!transitional(desktop, to) || to == DesktopState::stopping) {
        desktop.awaited = Awaited::nothing;
    }
    if (to != DesktopState::booting) {
        desktop.nonce = Uuid{};
        desktop.signalled = false;
    }
}

// What other parts must know of the change.
void announce(Step& step, std::uint32_t row, DesktopState from, DesktopState to, Cause cause) noexcept {
    DesktopRow& desktop = step.t.desktops[row];
    desktop.fresh = from == DesktopState::creating && to == DesktopState::ready && !desktop.cloned;
    if (to == DesktopState::creating && from == DesktopState::inactive) {
        ++desktop.record.generation;
        desktop.start_counted = false;
    }
    if (to == DesktopState::inactive) {
        desktop.goal = Goal::none;
        desktop.address.clear();
        desktop.record.used = false;
    }
    if (to == DesktopState::ready && (from == DesktopState::creating || from == DesktopState::booting)) {
        start_succeeded(step, row);
    }
    if (to == DesktopState::failed) {
        desktop.deadline = step.now.mono;                            // clean-up may begin
        if (cause != Cause::job_failed && !desktop.start_counted) {  // the job's end has counted it
            start_failed(step, row, desktop_host(step.t, desktop), Fault::none);
        }
    }
    const std::uint32_t session =
        desktop.record.session == 0 ? no_row : find_session(step.t, desktop.record.session);
    if (session == no_row) {
        return;
    }
    const bool waiting = step.t.sessions[session].record.opened.unix_ms == 0;
    const bool ended = to == DesktopState::failed || to == DesktopState::inactive;
    // A private desktop that is still shutting down from before, or whose failed start has been cleaned up,
    // is started again for the session that waits for it.
    const bool restarts =
        personal(desktop) && waiting &&
        (from == DesktopState::stopping || (from == DesktopState::failed && to == DesktopState::inactive));
    if (ended && !restarts) {
        lose_desktop(step, session, desktop.trouble);
    } else {
        advance_session(step, session);
    }
}

// Where guests do not signal, their host watches them; an agent from before it could is not waited for.
bool nobody_answers(const Tables& t, const DesktopRow& desktop) noexcept {
    const std::uint32_t host = desktop_host(t, desktop);
    return desktop.awaited == Awaited::wake && !t.desktop_pools[desktop.pool].record.rules.guest_signals &&
           host != no_row && !t.hosts[host].watches_life;
}

}  // namespace

std::uint32_t desktop_host(const Tables& t, const DesktopRow& desktop) noexcept {
    return t.vms[desktop.vm].host;
}

bool desktop_settled(const Tables& t, std::uint32_t desktop) noexcept {
    if (desktop == no_row) {
        return true;
    }
    const DesktopState state = t.desktops[desktop].record.state;
    return state == DesktopState::ready || state == DesktopState::running;
}

bool desktop_at_hand(const Step& step, const DesktopRow& desktop) noexcept {
    const std::uint32_t host = desktop_host(step.t, desktop);
    return vm_blocked(step.t, desktop.vm).empty() && (host == no_row || host_live(step.t, host));
}

void persist_desktop(Step& step, std::uint32_t desktop) noexcept {
    step.out.add(PersistDesktop{desktop});
}

void set_desktop_state(Step& step, std::uint32_t row, DesktopState to, Cause cause,
                       std::uint64_t decision) noexcept {
    DesktopRow& desktop = step.t.desktops[row];
    const DesktopState from = desktop.record.state;
    if (from == to) {
        return;
    }
    if (!allows(desktop, from, to)) {
        // Truth can do what no table allows (somebody used xl); such a desktop is removed, not guessed about.
        if (!desktop.start_counted) {  // what a failed start leaves behind is not the reason
            desktop.trouble = compose("found ", to_string(to), " while it was ", to_string(from));
        }
        to = DesktopState::failed;
        cause = Cause::found_so;
        if (from == to) {
            return;
        }
    }
    BALLAST_ASSERT(allows(desktop, from, to));
    step.t.rooms_hold = step.t.rooms_hold && !shows_in_rooms(from) && !shows_in_rooms(to);
    desktop.record.state = to;
    desktop.record.since = step.now.wall;
    desktop.since = step.now.mono;
    desktop.deadline = step.now.mono + patience(step.t, desktop, to);
    await_guest(step.t, desktop, to);
    ++step.t.counters.desktop_transitions[static_cast<std::size_t>(from)][static_cast<std::size_t>(to)];
    note(step, desktop.vm,
         {{},
          0,
          decision,
          personal(desktop) ? MachineKind::personal : MachineKind::common,
          static_cast<std::uint8_t>(from),
          static_cast<std::uint8_t>(to),
          cause});
    persist_desktop(step, row);
    step.report(to == DesktopState::failed ? Severity::warning : Severity::info, Subject::desktop,
                "desktop_state", desktop.record.name, 0,
                compose(to_string(from), " -> ", to_string(to), ": ", to_string(cause),
                        to == DesktopState::failed && !desktop.trouble.empty() ? ": " : "",
                        to == DesktopState::failed ? desktop.trouble.view() : std::string_view{}));
    announce(step, row, from, to, cause);
}

void follow_desktop(Step& step, std::uint32_t row) noexcept {
    // A change may be the reason of the next (booting, where guests are not asked, is over at once).
    for (std::size_t change = 0; change < desktop_states_count; ++change) {
        DesktopRow& desktop = step.t.desktops[row];
        const VmRow& vm = step.t.vms[desktop.vm];
        if (vm.state == VmState::running && nobody_answers(step.t, desktop)) {
            desktop.awaited = Awaited::nothing;
        }
        const DesktopState seen = state_seen(step.t, desktop, vm);
        if (seen == desktop.record.state) {
            break;
        }
        if (seen == DesktopState::failed && desktop.trouble.empty()) {
            desktop.trouble = state_reason(step.t, vm);
        }
        set_desktop_state(step, row, seen, cause_of(step.t, desktop, vm, seen));
    }
    DesktopRow& desktop = step.t.desktops[row];
    if (desktop.awaited != Awaited::nothing && step.t.vms[desktop.vm].state == VmState::running &&
        desktop.nonce.nil()) {
        ask_guest(step, row);
    }
}

void desktop_job_ended(Step& step, const JobRow& job) noexcept {
    if (job.vm == no_row || step.t.vms[job.vm].desktop == no_row) {
        return;
    }
    const std::uint32_t row = step.t.vms[job.vm].desktop;
    DesktopRow& desktop = step.t.desktops[row];
    const bool succeeded = job.record.state == JobState::succeeded;
    // A disk that is there already is this user's: from before his desktop was deleted, or made by a job
    // whose end nobody heard. No other desktop writes to it (who_has_its_disks).
    const bool kept = job.record.kind == JobKind::disk_create && job.record.fault == Fault::already_exists;
    if (kept) {
        step.report(Severity::info, Subject::desktop, "volume_kept", desktop.record.name, job.record.id,
                    job.record.detail);
    }
    if (job.record.kind == JobKind::disk_create && (succeeded || kept)) {
        ++desktop.record.volumes;
        persist_desktop(step, row);
        return;
    }
    if (!personal(desktop)) {
        golden_job_ended(step, row, job.record);
    }
    if (succeeded) {
        desktop.trouble.clear();
        return;
    }
    if (job.record.kind == JobKind::disk_create) {
        desktop.goal = Goal::none;
    } else if (job.record.kind == JobKind::shutdown && personal(desktop)) {
        desktop.goal = Goal::discard;  // its grace time is over
    } else if (!personal(desktop) && (desktop.goal == Goal::save || desktop.goal == Goal::discard)) {
        desktop.goal = Goal::none;  // a spare still: the pool's targets and timers look at it anew
    }
    desktop.trouble =
        compose(to_string(job.record.kind), " on ", job.record.source.host, ": ", job.record.detail);
    if (job.record.kind == JobKind::create || job.record.kind == JobKind::clone ||
        job.record.kind == JobKind::disk_create) {
        start_failed(step, row, job.source_host, job.record.fault);
    }
}

std::uint32_t order_desktop(Step& step, std::uint32_t row, JobKind kind, Cause cause) noexcept {
    DesktopRow& desktop = step.t.desktops[row];
    const std::uint32_t host = desktop_host(step.t, desktop);
    if (host == no_row || !desktop_at_hand(step, desktop) || !job_limit(step.t, host, no_row).empty()) {
        return no_row;
    }
    NewJob wanted;
    wanted.kind = kind;
    wanted.origin = desktop.record.session != 0 || personal(desktop) ? JobOrigin::session : JobOrigin::pool;
    wanted.vm = desktop.vm;
    wanted.host = host;
    wanted.cause = cause;
    if (kind == JobKind::shutdown && personal(desktop)) {
        const PoolRules& rules = step.t.desktop_pools[desktop.pool].record.rules;
        wanted.deadline = ballast::seconds(std::max(rules.shutdown_grace_seconds, 1U));
    }
    if (kind == JobKind::pause || kind == JobKind::save || kind == JobKind::shutdown) {
        wanted.expected.push(DomainState::running);
    } else if (kind == JobKind::unpause) {
        wanted.expected.push(DomainState::paused);
    } else if (kind == JobKind::restore ||
               (kind == JobKind::destroy && step.t.vms[desktop.vm].state == VmState::saved)) {
        wanted.expected.push(DomainState::absent);  // of a saved one its file is meant
    }
    return make_job(step, wanted).job;
}

}  // namespace ballast::controller
