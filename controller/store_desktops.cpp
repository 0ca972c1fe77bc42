// The columns of pools, desktops, sessions and of what changed on guests.
#include "controller/store_records.hpp"

namespace ballast::controller::records {

namespace {

constexpr Cause cause_last = Cause::connection;
static_assert(volumes_per_desktop_max == 2, "the table has columns for two");

}  // namespace

bool put(Line line, const DesktopPoolRecord& record, std::span<const std::byte> guest) {
    const PoolRules& rules = record.rules;
    const PoolTargets& targets = record.targets;
    line.bind(record.name).bind(record.kind).bind(record.enabled).bind(record.closing);
    line.bind(targets.ready).bind(targets.paused).bind(targets.saved).bind(targets.max);
    line.bind(rules.after_session).bind(rules.console).bind(rules.guest_signals);
    line.bind(rules.pause_after_seconds).bind(rules.save_after_seconds).bind(rules.paused_max_seconds);
    line.bind(rules.session_max_seconds).bind(rules.session_idle_seconds).bind(rules.disconnect_seconds);
    line.bind(rules.boot_timeout_seconds).bind(rules.shutdown_grace_seconds).bind_blob(guest);
    line.bind(static_cast<std::uint32_t>(record.volumes.size()));
    const VolumeRule none;
    for (std::size_t i = 0; i < volumes_per_desktop_max; ++i) {
        const VolumeRule& rule = i < record.volumes.size() ? record.volumes[i] : none;
        line.bind(std::uint32_t{rule.disk}).bind(rule.source).bind(rule.template_path).bind(rule.size_bytes);
    }
    return line.bind(record.data_share).bind(record.created).end();
}

bool get(Statement& row, DesktopPoolRecord& record, std::span<const std::byte>& guest) {
    PoolRules& rules = record.rules;
    PoolTargets& targets = record.targets;
    row.read(record.name).read(record.kind, VmKind::personal).read(record.enabled).read(record.closing);
    row.read(targets.ready).read(targets.paused).read(targets.saved).read(targets.max);
    row.read(rules.after_session, AfterSession::reset)
        .read(rules.console, Console::direct)
        .read(rules.guest_signals);
    row.read(rules.pause_after_seconds).read(rules.save_after_seconds).read(rules.paused_max_seconds);
    row.read(rules.session_max_seconds).read(rules.session_idle_seconds).read(rules.disconnect_seconds);
    row.read(rules.boot_timeout_seconds).read(rules.shutdown_grace_seconds);
    guest = row.read_blob();
    std::uint32_t volumes = 0;
    row.read(volumes);
    for (std::size_t i = 0; i < volumes_per_desktop_max; ++i) {
        VolumeRule rule;
        std::uint32_t disk = 0;
        row.read(disk)
            .read(rule.source, wire::VolumeSource::blank)
            .read(rule.template_path)
            .read(rule.size_bytes);
        rule.disk = static_cast<std::uint8_t>(disk);
        if (disk >= limits::disks_per_domain_max) {
            return false;
        }
        if (i < volumes) {
            record.volumes.push(rule);
        }
    }
    row.read(record.data_share).read(record.created);
    return !row.corrupt() && volumes <= volumes_per_desktop_max;
}

bool put(Line line, const DesktopRecord& record) {
    line.bind(record.uuid).bind(record.name).bind(record.pool).bind(record.kind).bind(record.user);
    line.bind(record.state).bind(record.since).bind(record.generation).bind(record.used);
    return line.bind(record.volumes).bind(record.session).end();
}

bool get(Statement& row, DesktopRecord& record) {
    row.read(record.uuid)
        .read(record.name)
        .read(record.pool)
        .read(record.kind, VmKind::personal)
        .read(record.user);
    row.read(record.state, DesktopState::failed).read(record.since).read(record.generation).read(record.used);
    row.read(record.volumes).read(record.session);
    return !row.corrupt();
}

bool put(Line line, const SessionRecord& record) {
    line.bind(record.id).bind(record.user).bind(record.pool).bind(record.personal).bind(record.state);
    line.bind(record.desktop).bind(record.desktop_name).bind(record.taken_from).bind(record.ended_by);
    line.bind(record.detail).bind(record.password).bind(record.client_address).bind(record.decision);
    line.bind(record.requested).bind(record.opened).bind(record.last_used).bind(record.left);
    return line.bind(record.ended).end();
}

bool get(Statement& row, SessionRecord& record) {
    row.read(record.id).read(record.user).read(record.pool).read(record.personal);
    row.read(record.state, SessionState::closed).read(record.desktop).read(record.desktop_name);
    row.read(record.taken_from, DesktopState::failed).read(record.ended_by, cause_last).read(record.detail);
    row.read(record.password).read(record.client_address).read(record.decision).read(record.requested);
    row.read(record.opened).read(record.last_used).read(record.left).read(record.ended);
    return !row.corrupt();
}

bool put(Line line, std::uint64_t number, const HistoryChange& change) {
    const HistoryRow& row = change.row;
    line.bind(number).bind(change.vm).bind(row.at).bind(row.subject).bind(row.decision);
    line.bind(row.machine).bind(std::uint32_t{row.from}).bind(std::uint32_t{row.to});
    return line.bind(row.cause).end();
}

bool get(Statement& row, HistoryChange& change) {
    std::uint32_t from = 0;
    std::uint32_t to = 0;
    row.read(change.vm).read(change.row.at).read(change.row.subject).read(change.row.decision);
    row.read(change.row.machine, MachineKind::migration).read(from).read(to);
    row.read(change.row.cause, cause_last);
    change.row.from = static_cast<std::uint8_t>(from);
    change.row.to = static_cast<std::uint8_t>(to);
    return !row.corrupt() && from <= UINT8_MAX && to <= UINT8_MAX;
}

}  // namespace ballast::controller::records
