// The desktop service after a restart: what the store kept becomes rows again. Its desktops' guests are told
// by their hosts, its relays by their agents; until then a session is what it was.
#include <algorithm>
#include <utility>

#include "controller/core/core.hpp"
#include "controller/core/desktop/parts.hpp"

namespace ballast::controller {
namespace {

// How long ago it was by the calendar, which may have been set in the meantime.
Instant instant_of(WallTime then, const Now& now) noexcept {
    return now.mono - milliseconds(std::max<std::int64_t>(0, now.wall.unix_ms - then.unix_ms));
}

}  // namespace

Status Core::restore_desktop_pool(const DesktopPoolRecord& record) noexcept {
    if (!valid_name(record.name) || find_pool(*tables_, record.name) != no_row) {
        return Err{Fault::invalid_argument};
    }
    const std::uint32_t row = tables_->desktop_pools.add();
    if (row == no_row) {
        return Err{Fault::limit_reached};
    }
    tables_->desktop_pools[row].record = record;
    tables_->desktop_pools[row].golden.kept = true;
    return {};
}

Status Core::restore_desktop(const DesktopRecord& record) noexcept {
    Tables& t = *tables_;
    const std::uint32_t vm = t.vm_index.find(record.uuid);
    const std::uint32_t pool = find_pool(t, record.pool);
    if (vm == no_row || pool == no_row || t.vms[vm].desktop != no_row) {
        return Err{Fault::invalid_argument};
    }
    const std::uint32_t row = t.desktops.add();
    if (row == no_row) {
        return Err{Fault::limit_reached};
    }
    DesktopRow& desktop = t.desktops[row];
    desktop.record = record;
    desktop.golden.kept = true;
    desktop.pool = pool;
    desktop.vm = vm;
    VmRow& guest = t.vms[vm];
    const wire::GuestSpec& spec = t.desktop_pools[pool].record.guest;
    guest.desktop = row;
    guest.type = spec.type;
    guest.memory_mib = spec.memory_mib;
    guest.vcpus = spec.vcpus;
    return {};
}

Status Core::restore_session(const SessionRecord& record) noexcept {
    Tables& t = *tables_;
    if (record.id == 0 || record.id >= t.identity.next_session_id || find_session(record.id) != no_row) {
        return Err{Fault::invalid_argument};
    }
    const std::uint32_t row = t.sessions.add();
    if (row == no_row) {
        return Err{Fault::limit_reached};
    }
    SessionRow& session = t.sessions[row];
    session.record = record;
    t.session_index.add(record.id, row);
    const std::uint32_t vm = t.vm_index.find(record.desktop);
    const std::uint32_t desktop = vm == no_row ? no_row : t.vms[vm].desktop;
    // Of two sessions of one desktop the later one has it.
    if (desktop != no_row && t.desktops[desktop].record.session == record.id) {
        session.desktop = desktop;
    }
    return {};
}

void start_desktops(Tables& t, const Now& now) noexcept {
    for (DesktopRow& desktop : t.desktops.rows()) {
        if (!desktop.in_use) {
            continue;
        }
        desktop.since = instant_of(desktop.record.since, now);
        // What was under way gets a fresh deadline: its job has one of its own, and its host must come back
        // first.
        desktop.deadline = now.mono + t.settings.deadline(JobKind::migrate) + t.settings.deadline_grace * 2;
        const std::uint32_t job = t.vms[desktop.vm].job;
        const bool builds = desktop.record.state == DesktopState::creating &&
                            desktop.record.kind == VmKind::personal &&
                            (job == no_row || t.jobs[job].record.kind == JobKind::disk_create);
        desktop.goal = builds ? Goal::build : Goal::none;
        const DesktopState state = desktop.record.state;
        if (state == DesktopState::unpausing || state == DesktopState::restoring) {
            desktop.awaited = Awaited::wake;
        } else if (t.desktop_pools[desktop.pool].record.rules.guest_signals &&
                   (state == DesktopState::creating || state == DesktopState::booting)) {
            desktop.awaited = Awaited::boot;
        }
        const std::uint32_t session =
            desktop.record.session == 0 ? no_row : find_session(t, desktop.record.session);
        if (session == no_row || t.sessions[session].record.state == SessionState::closed) {
            desktop.record.session = 0;
        }
    }
    for (SessionRow& session : t.sessions.rows()) {
        if (session.in_use && session.record.state != SessionState::closed) {
            session.deadline =
                now.mono + (session.record.state == SessionState::opening ? t.settings.desktops.opening
                                                                          : t.settings.desktops.closing);
            // Nobody watched while we were away: that time counts for nobody.
            session.opened = instant_of(session.record.opened, now);
            session.record.last_used = now.wall;
            session.last_used = session.left = now.mono;
            session.record.left = session.record.left.unix_ms == 0 ? WallTime{} : now.wall;
        }
    }
}

std::span<const DesktopPoolRow> Core::desktop_pools() const noexcept {
    return std::as_const(tables_->desktop_pools).rows();
}
std::span<const DesktopRow> Core::desktops() const noexcept {
    return std::as_const(tables_->desktops).rows();
}
std::span<const SessionRow> Core::sessions() const noexcept {
    return std::as_const(tables_->sessions).rows();
}
const DesktopPoolRow& Core::desktop_pool(std::uint32_t row) const noexcept {
    return tables_->desktop_pools[row];
}
const DesktopRow& Core::desktop(std::uint32_t row) const noexcept {
    return tables_->desktops[row];
}
const SessionRow& Core::session(std::uint32_t row) const noexcept {
    return tables_->sessions[row];
}
std::uint32_t Core::find_desktop_pool(std::string_view name) const noexcept {
    return find_pool(*tables_, name);
}
std::uint32_t Core::find_private_desktop(std::string_view user) const noexcept {
    return find_private(*tables_, user);
}
std::uint32_t Core::find_session(std::uint64_t id) const noexcept {
    return controller::find_session(*tables_, id);
}

}  // namespace ballast::controller
