// What guests say of themselves: boot completed, and that they are alive after having been woken. Their own
// word: it opens their own desktop's way and nothing else. Of guests that say nothing, their hosts tell
// whether they are alive.
#include "controller/core/desktop/parts.hpp"

namespace ballast::controller {

namespace {

// What users come by must work; where they come otherwise, the console is nobody's concern.
wire::LifeSigns signs_of_life(const DesktopPoolRecord& pool) noexcept {
    if (pool.rules.guest_signals) {
        return wire::LifeSigns::none;
    }
    return pool.guest.vnc && pool.rules.console != Console::none ? wire::LifeSigns::console
                                                                 : wire::LifeSigns::processor;
}

}  // namespace

void ask_guest(Step& step, std::uint32_t row) noexcept {
    DesktopRow& desktop = step.t.desktops[row];
    const std::uint32_t host = desktop_host(step.t, desktop);
    if (host == no_row || step.t.hosts[host].link == 0) {
        return;
    }
    if (desktop.nonce.nil()) {
        desktop.nonce = derived_uuid(step.t.identity, desktop.record.name,
                                     static_cast<std::uint64_t>(step.now.wall.unix_ms) + ++step.t.nonces);
        step.t.counters.wake_probes += desktop.awaited == Awaited::wake ? 1 : 0;
    }
    desktop.nonce_sent = step.now.mono;
    wire::GuestNote note;
    note.uuid = desktop.record.uuid;
    note.nonce = desktop.nonce;
    note.watch = signs_of_life(step.t.desktop_pools[desktop.pool].record);
    if (note.watch == wire::LifeSigns::none) {
        fill_data_share(step.t, desktop, note);
    } else {
        note.wait_ms = static_cast<std::uint32_t>(step.t.settings.desktops.probe.ms);
    }
    step.out.add(Send{step.t.hosts[host].link, note});
}

Status on_guest_signal(Step& step, std::uint32_t host, const wire::GuestSignal& signal) noexcept {
    ++step.t.counters.guest_signals;
    const std::uint32_t vm = step.t.vm_index.find(signal.uuid);
    const std::uint32_t row = vm == no_row ? no_row : step.t.vms[vm].desktop;
    if (row == no_row || step.t.vms[vm].host != host) {
        ++step.t.counters.guest_signals_ignored;
        return {};
    }
    DesktopRow& desktop = step.t.desktops[row];
    const bool answers = !desktop.nonce.nil() && signal.nonce == desktop.nonce;
    if (signal.fault == Fault::guest_unresponsive && answers && desktop.awaited == Awaited::wake) {
        desktop.trouble = signal.detail;
        set_desktop_state(step, row, DesktopState::failed, Cause::agent);
        return {};
    }
    if (signal.fault != Fault::none) {
        ++step.t.counters.guest_signals_ignored;
        step.report(Severity::warning, Subject::desktop, "guest_signal_refused", desktop.record.name, 0,
                    signal.detail.empty() ? Detail{describe(signal.fault)} : signal.detail);
        return {};
    }
    if (!signal.address.empty()) {
        desktop.address = signal.address;
    }
    if (!signal.ready || !answers || desktop.awaited == Awaited::nothing) {
        return {};
    }
    desktop.signalled = true;
    desktop.awaited = Awaited::nothing;
    follow_desktop(step, row);
    return {};
}

}  // namespace ballast::controller
