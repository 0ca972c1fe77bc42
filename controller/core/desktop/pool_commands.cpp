// Operations on pools of desktops.
#include "controller/core/desktop/parts.hpp"

namespace ballast::controller {
namespace {

// Leaves room for "-00001" in the names of desktops, which agents bound (see agent/core/admission.cpp).
constexpr std::size_t pool_name_bytes_max = 40;

void refuse_field(Outcome& outcome, std::string_view pointer, const Detail& detail) noexcept {
    refuse(outcome, Slug::validation_failed, Fault::invalid_argument, detail);
    outcome.pointer = pointer;
}

// False: refused.
bool check_targets(const Tables& t, const PoolTargets& targets, std::string_view pointer,
                   Outcome& outcome) noexcept {
    if (targets.max > t.desktops.limit()) {
        refuse_field(outcome, compose<63>(pointer, "/max"),
                     compose("expected at most ", t.desktops.limit(), ", which is limits.desktops"));
        return false;
    }
    if (std::uint64_t{targets.ready} + targets.paused + targets.saved > targets.max) {
        refuse_field(outcome, compose<63>(pointer, "/max"),
                     compose("expected at least ready + paused + saved, which is ",
                             std::uint64_t{targets.ready} + targets.paused + targets.saved));
        return false;
    }
    return true;
}

bool check_volumes(const DesktopPoolRecord& pool, Outcome& outcome) noexcept {
    for (const VolumeRule& rule : pool.volumes) {
        if (pool.kind != VmKind::personal) {
            refuse_field(outcome, "/template/disks", "only a private pool's disks are made by ballast");
            return false;
        }
        if (rule.disk >= pool.guest.disks.size() ||
            pool.guest.disks[rule.disk].target.view().find("{user}") == std::string_view::npos) {
            refuse_field(outcome, "/template/disks",
                         "the target of a disk that is to be made needs \"{user}\": each user has his own");
            return false;
        }
    }
    return true;
}

// Two guests that write to one disk destroy it.
bool check_disks(const DesktopPoolRecord& pool, Outcome& outcome) noexcept {
    for (const wire::Disk& disk : pool.guest.disks) {
        const std::string_view target = disk.target.view();
        const bool own = target.find("{desktop}") != std::string_view::npos ||
                         (pool.kind == VmKind::personal && target.find("{user}") != std::string_view::npos);
        if (disk.writable && !own) {
            refuse_field(outcome, "/template/disks",
                         compose("a writable disk needs \"{desktop}\"",
                                 pool.kind == VmKind::personal ? " or \"{user}\"" : "",
                                 " in its target: desktops must not share it"));
            return false;
        }
    }
    return true;
}

bool check_pool(const Tables& t, const Command& command, Outcome& outcome) noexcept {
    const DesktopPoolRecord* pool = command.pool;
    if (pool == nullptr || !valid_name(pool->name) || pool->name.size() > pool_name_bytes_max) {
        refuse_field(outcome, "/name",
                     compose("expected 1 to ", pool_name_bytes_max,
                             " letters, digits or ._-+, with a letter or digit first"));
        return false;
    }
    if (pool->guest.memory_mib == 0) {
        refuse_field(outcome, "/template/memory_mib", "expected the memory of a desktop");
        return false;
    }
    if (pool->kind == VmKind::plain) {
        refuse_field(outcome, "/kind", "expected common or private");
        return false;
    }
    if (pool->rules.console == Console::relay && !pool->guest.vnc) {
        refuse_field(outcome, "/console", "a relay needs a template with vnc");
        return false;
    }
    return (pool->kind == VmKind::personal || check_targets(t, pool->targets, "/targets", outcome)) &&
           check_disks(*pool, outcome) && check_volumes(*pool, outcome);
}

void create_pool(Step& step, const Command& command, Outcome& outcome) noexcept {
    if (!check_pool(step.t, command, outcome)) {
        return;
    }
    outcome.pool = command.pool->name;
    if (find_pool(step.t, command.pool->name) != no_row) {
        refuse(outcome, Slug::state_conflict, Fault::already_exists,
               compose("a pool called ", command.pool->name, " exists"));
        return;
    }
    if (step.t.desktop_pools.used() == step.t.desktop_pools.limit()) {
        refuse_limit(outcome, "desktop_pools");
        return;
    }
    outcome.kind = OutcomeKind::changed;
    if (command.dry_run) {
        return;
    }
    const std::uint32_t row = step.t.desktop_pools.add();
    step.t.desktop_pools[row].record = *command.pool;
    step.t.desktop_pools[row].record.created = step.now.wall;
    step.out.add(PersistDesktopPool{row});
    step.report(Severity::info, Subject::pool, "pool_created", command.pool->name, 0, {});
}

void replace_pool(Step& step, const Command& command, std::uint32_t row, Outcome& outcome) noexcept {
    DesktopPoolRecord& record = step.t.desktop_pools[row].record;
    if (!check_pool(step.t, command, outcome)) {
        return;
    }
    if (command.pool->name != record.name || command.pool->kind != record.kind) {
        refuse_field(outcome, command.pool->name != record.name ? "/name" : "/kind",
                     "a pool keeps its name and kind");
        return;
    }
    outcome.kind = OutcomeKind::changed;
    if (command.dry_run) {
        return;
    }
    const DesktopPoolRecord before = record;
    record = *command.pool;
    record.created = before.created;
    record.enabled = before.enabled;
    step.t.desktop_pools[row].retry_at = step.now.mono;
    if (before.guest != record.guest || before.rules != record.rules) {
        forget_golden_files(step, row);
    }
    for (HostTrial& trial : step.t.trials_of(row)) {
        trial = HostTrial{};  // what failed with the old template may work with the new one
    }
    step.out.add(PersistDesktopPool{row});
}

void set_targets(Step& step, const Command& command, std::uint32_t row, Outcome& outcome) noexcept {
    DesktopPoolRow& pool = step.t.desktop_pools[row];
    if (pool.record.kind != VmKind::common) {
        refuse(outcome, Slug::state_conflict, Fault::unsupported, "a private pool has no targets");
        return;
    }
    if (!check_targets(step.t, command.targets, {}, outcome)) {
        return;
    }
    outcome.kind = pool.record.targets == command.targets ? OutcomeKind::already_so : OutcomeKind::changed;
    if (outcome.kind == OutcomeKind::changed && !command.dry_run) {
        pool.record.targets = command.targets;
        step.out.add(PersistDesktopPool{row});
    }
}

void set_enabled(Step& step, const Command& command, std::uint32_t row, Outcome& outcome) noexcept {
    DesktopPoolRow& pool = step.t.desktop_pools[row];
    const bool enabled = command.kind == CommandKind::pool_enable;
    outcome.kind = pool.record.enabled == enabled ? OutcomeKind::already_so : OutcomeKind::changed;
    if (outcome.kind == OutcomeKind::changed && !command.dry_run) {
        pool.record.enabled = enabled;
        step.out.add(PersistDesktopPool{row});
    }
}

void delete_pool(Step& step, const Command& command, std::uint32_t row, Outcome& outcome) noexcept {
    std::uint32_t sessions = 0;
    std::uint32_t owners = 0;
    for (const DesktopRow& desktop : step.t.desktops.rows()) {
        const bool ours = desktop.in_use && desktop.pool == row;
        sessions += ours && desktop.record.session != 0 ? 1 : 0;
        owners += ours && desktop.record.kind == VmKind::personal ? 1 : 0;
    }
    if (sessions > 0 || owners > 0) {
        refuse(outcome, Slug::state_conflict, Fault::state_conflict,
               owners > 0 ? compose(owners, " private desktops are made of this pool: delete them first")
                          : compose(sessions, " sessions use this pool: end them first"));
        return;
    }
    outcome.kind = OutcomeKind::changed;
    if (!command.dry_run) {
        step.t.desktop_pools[row].record.closing = true;
        step.t.desktop_pools[row].record.enabled = false;
        forget_golden_files(step, row);
        step.out.add(PersistDesktopPool{row});
    }
}

}  // namespace

void pool_command(Step& step, const Command& command, Outcome& outcome) noexcept {
    if (command.kind == CommandKind::pool_create) {
        create_pool(step, command, outcome);
        return;
    }
    const std::uint32_t row = find_pool(step.t, command.target);
    if (row == no_row) {
        refuse(outcome, Slug::not_found, Fault::not_found, compose("no pool ", command.target));
        return;
    }
    outcome.pool = step.t.desktop_pools[row].record.name;
    if (command.kind == CommandKind::pool_delete) {
        delete_pool(step, command, row, outcome);
    } else if (step.t.desktop_pools[row].record.closing) {
        refuse(outcome, Slug::state_conflict, Fault::state_conflict, "the pool is being deleted");
    } else if (command.kind == CommandKind::pool_replace) {
        replace_pool(step, command, row, outcome);
    } else if (command.kind == CommandKind::pool_targets) {
        set_targets(step, command, row, outcome);
    } else {
        set_enabled(step, command, row, outcome);
    }
}

}  // namespace ballast::controller
