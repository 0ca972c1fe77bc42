// What is due on desktops by the clock: missed deadlines, questions to guests that were lost, clean-up of
// what failed, and the end of what a session has used.
#include <algorithm>

#include "controller/core/desktop/parts.hpp"
#include "controller/core/machines.hpp"

namespace ballast::controller {
namespace {

constexpr Duration ask_again_after = seconds(10);
constexpr Duration clean_up_again_after = seconds(30);

bool overdue(const Step& step, const DesktopRow& desktop) noexcept {
    const bool bounded = desktop.record.kind == VmKind::personal
                             ? private_desktop.transitional(desktop.record.state)
                             : common_desktop.transitional(desktop.record.state);
    return bounded && step.now.mono >= desktop.deadline;
}

// Its job has a deadline of its own, with the images one of hours; and while nobody knows which host has the
// guest, none may be destroyed.
bool still_moves(const Tables& t, const DesktopRow& desktop) noexcept {
    const VmRow& vm = t.vms[desktop.vm];
    // The copy that a lost hand-over has left is an operator's to give up, unless nobody's work is in it.
    const bool nobodys = desktop.record.kind == VmKind::common && desktop.record.session == 0;
    if (nobodys && handover_is_lost(vm)) {
        return false;
    }
    const bool by_job = vm.job != no_row && t.jobs[vm.job].record.kind == JobKind::migrate;
    return desktop.record.state == DesktopState::migrating && (by_job || vm.state == VmState::migrating);
}

void miss_deadline(Step& step, std::uint32_t row) noexcept {
    DesktopRow& desktop = step.t.desktops[row];
    ++step.t.counters.desktop_deadlines_missed;
    desktop.trouble =
        desktop.awaited != Awaited::nothing && !desktop.nonce.nil()
            ? compose("its guest has not answered in time while ", to_string(desktop.record.state))
            : compose(to_string(desktop.record.state), " took too long");
    set_desktop_state(step, row, DesktopState::failed, Cause::deadline);
}

// Removes what is left of a failed desktop. True: an order was made.
bool clean_up(Step& step, std::uint32_t row) noexcept {
    DesktopRow& desktop = step.t.desktops[row];
    const VmState state = step.t.vms[desktop.vm].state;
    if (step.now.mono < desktop.deadline || !desktop_at_hand(step, desktop)) {
        return false;
    }
    if (state == VmState::inactive) {
        set_desktop_state(step, row, DesktopState::inactive, Cause::clean_up);
        return false;
    }
    desktop.deadline = step.now.mono + clean_up_again_after;
    const bool removable = state == VmState::running || state == VmState::paused ||
                           state == VmState::failed || state == VmState::saved ||
                           state == VmState::stopping || handover_is_lost(step.t.vms[desktop.vm]);
    return removable && order_desktop(step, row, JobKind::destroy, Cause::clean_up) != no_row;
}

// A guest that shut down by itself: nobody but us releases its memory and its disks.
bool ended_by_itself(const Step& step, const DesktopRow& desktop) noexcept {
    return desktop.record.state == DesktopState::stopping &&
           step.t.vms[desktop.vm].state == VmState::stopping && desktop_at_hand(step, desktop);
}

// What is to be done with a desktop that runs and that nobody has a session on.
bool finish(Step& step, std::uint32_t row) noexcept {
    DesktopRow& desktop = step.t.desktops[row];
    const DesktopState state = desktop.record.state;
    if (ended_by_itself(step, desktop)) {
        return order_desktop(step, row, JobKind::destroy, Cause::gone) != no_row;
    }
    if (desktop.record.session != 0 || (state != DesktopState::ready && state != DesktopState::running)) {
        return false;
    }
    if (desktop.goal == Goal::save && state == DesktopState::ready) {
        const bool ordered = order_desktop(step, row, JobKind::save, Cause::idle) != no_row;
        desktop.goal = ordered ? Goal::none : Goal::save;
        return ordered;
    }
    if (desktop.goal == Goal::discard) {
        const Cause cause = desktop.record.kind == VmKind::personal ? Cause::session_ended : Cause::surplus;
        return order_desktop(step, row, JobKind::destroy, cause) != no_row;
    }
    if (desktop.record.kind == VmKind::personal) {
        return order_desktop(step, row, JobKind::shutdown, Cause::session_ended) != no_row;
    }
    // A common desktop is running without a session only when it is to be reset.
    return state == DesktopState::running &&
           order_desktop(step, row, JobKind::destroy, Cause::reset) != no_row;
}

}  // namespace

void tick_desktops(Step& step) noexcept {
    std::size_t orders = 0;
    std::size_t missed = 0;
    for (std::uint32_t row = 0; row < step.t.desktops.rows().size(); ++row) {
        DesktopRow& desktop = step.t.desktops[row];
        if (!desktop.in_use) {
            continue;
        }
        if (still_moves(step.t, desktop)) {
            desktop.deadline = std::max(desktop.deadline, step.now.mono + step.t.settings.deadline_grace * 2);
        }
        if (overdue(step, desktop) && missed < deadlines_per_tick_max) {
            ++missed;
            miss_deadline(step, row);
        }
        if (desktop.awaited != Awaited::nothing && !desktop.nonce.nil() &&
            step.now.mono - desktop.nonce_sent >= ask_again_after) {
            ask_guest(step, row);
        }
        if (orders >= desktop_orders_per_tick_max) {
            continue;
        }
        const bool ordered =
            desktop.record.state == DesktopState::failed ? clean_up(step, row) : finish(step, row);
        orders += ordered ? 1 : 0;
    }
}

}  // namespace ballast::controller
