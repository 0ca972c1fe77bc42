// Desktops come and go: their rows, the orders that make their guests, and what is learnt of starts that
// fail.
#include <algorithm>

#include "controller/core/desktop/parts.hpp"

namespace ballast::controller {

std::uint32_t find_pool(const Tables& t, std::string_view name) noexcept {
    return t.desktop_pools.find([name](const DesktopPoolRow& pool) { return pool.record.name == name; });
}

std::uint32_t add_desktop(Step& step, std::uint32_t pool, std::string_view name, std::string_view user,
                          std::string_view& limit_name) noexcept {
    Tables& t = step.t;
    const std::uint32_t row = t.desktops.add();
    if (row == no_row) {
        limit_name = "desktops";
        return no_row;
    }
    DesktopRow& desktop = t.desktops[row];
    desktop.record.uuid =
        new_desktop_uuid(t, pool, name, static_cast<std::uint64_t>(step.now.wall.unix_ms) + row);
    desktop.vm =
        t.vm_index.find(desktop.record.uuid) == no_row ? vm_row(step, desktop.record.uuid, name) : no_row;
    if (desktop.vm == no_row) {
        t.desktops.remove(row);
        limit_name = "vms";
        return no_row;
    }
    const DesktopPoolRecord& made_of = t.desktop_pools[pool].record;
    desktop.pool = pool;
    desktop.record.name = Name{name};
    desktop.record.user = UserName{user};
    desktop.record.pool = made_of.name;
    desktop.record.kind = made_of.kind;
    desktop.record.since = step.now.wall;
    desktop.since = step.now.mono;
    VmRow& vm = t.vms[desktop.vm];
    vm.desktop = row;
    vm.record.kind = made_of.kind;
    vm.record.ours = true;
    refresh_vm(step, desktop.vm);
    persist_vm(step, desktop.vm);
    persist_desktop(step, row);
    return row;
}

void forget_desktop(Step& step, std::uint32_t row) noexcept {
    DesktopRow& desktop = step.t.desktops[row];
    forget_golden_maker(step, row);
    step.out.add(ForgetDesktop{desktop.record.uuid});
    for (SessionRow& session : step.t.sessions.rows()) {
        if (session.in_use && session.desktop == row) {
            session.desktop = no_row;
        }
    }
    step.t.vms[desktop.vm].desktop = no_row;
    remove_vm(step, desktop.vm);
    step.t.desktops.remove(row);
}

bool start_desktop(Step& step, std::uint32_t row, std::uint32_t host, Cause cause,
                   std::uint64_t decision) noexcept {
    Tables& t = step.t;
    DesktopRow& desktop = t.desktops[row];
    if (!job_limit(t, host, no_row).empty()) {
        return false;
    }
    const wire::GuestSpec& guest = t.desktop_pools[desktop.pool].record.guest;
    VmRow& vm = t.vms[desktop.vm];
    vm.type = guest.type;
    vm.memory_mib = guest.memory_mib;
    vm.vcpus = guest.vcpus;
    charge_host(step, host, desktop.pool);
    set_desktop_state(step, row, DesktopState::creating, cause, decision);
    NewJob wanted;
    wire::Volume volume;
    const bool disks_first = desktop.record.kind == VmKind::personal && next_volume(t, desktop, volume);
    desktop.goal = disks_first ? Goal::build : Goal::none;
    desktop.cloned = !disks_first && golden_usable(t, row, host);
    wanted.kind = disks_first ? JobKind::disk_create : desktop.cloned ? JobKind::clone : JobKind::create;
    wanted.origin = desktop.record.kind == VmKind::personal ? JobOrigin::session : JobOrigin::pool;
    wanted.vm = desktop.vm;
    wanted.host = host;
    wanted.cause = cause;
    if (!disks_first) {
        wanted.expected.push(DomainState::absent);
    }
    return make_job(step, wanted).job != no_row;
}

void start_failed(Step& step, std::uint32_t row, std::uint32_t host, Fault fault) noexcept {
    Tables& t = step.t;
    DesktopRow& desktop = t.desktops[row];
    DesktopPoolRow& pool = t.desktop_pools[desktop.pool];
    desktop.start_counted = true;
    const auto wait = [&t](std::uint32_t failures) {
        const std::uint32_t doublings = std::min(failures > 0 ? failures - 1 : 0, 16U);
        return Duration{
            std::min(t.settings.desktops.retry_first.ms << doublings, t.settings.desktops.retry_max.ms)};
    };
    ++t.counters.desktop_starts_failed;
    ++pool.failed_ever;
    pool.failures = std::min(pool.failures + 1, 1000U);
    if (host != no_row) {
        HostTrial& trial = t.trial(desktop.pool, host);
        trial.failures = std::min(trial.failures + 1, 1000U);
        trial.fault = fault;
        trial.not_before = step.now.mono + wait(trial.failures);
    }
    if (desktop.record.kind == VmKind::common) {
        pool.retry_at = step.now.mono + t.settings.desktops.retry_first;
    }
    step.report(Severity::warning, Subject::pool, "desktop_failed", pool.record.name, 0,
                compose(desktop.record.name, ": ", desktop.trouble, "; ", pool.failures, " in a row"));
}

void start_succeeded(Step& step, std::uint32_t row) noexcept {
    Tables& t = step.t;
    const DesktopRow& desktop = t.desktops[row];
    t.desktop_pools[desktop.pool].failures = 0;
    const std::uint32_t host = desktop_host(t, desktop);
    if (host != no_row) {
        t.trial(desktop.pool, host) = HostTrial{};
    }
}

}  // namespace ballast::controller
