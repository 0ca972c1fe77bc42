// The reconciler: brings every pool towards its targets, many desktops at once, within the limits of each
// host.
#include <algorithm>

#include "controller/core/desktop/parts.hpp"

namespace ballast::controller {
namespace {

// Where the desktops of one pool stand. Spares are those that no session holds, that can be granted, and that
// are on their way to, or in, one of the three tiers; what is under way counts where it is going.
struct Census {
    std::uint32_t ready = 0;
    std::uint32_t paused = 0;
    std::uint32_t saved = 0;
    std::uint32_t stored = 0;  // saved, and none of those that will be
    std::uint32_t spares = 0;
    std::uint32_t alive = 0;    // all that are not inactive
    std::uint32_t leaving = 0;  // being removed
};

bool spare(const DesktopRow& desktop) noexcept {
    return desktop.record.session == 0 && desktop.goal != Goal::discard;
}

// What stands still on a host that is being emptied stays there, and is granted to nobody; nor is the copy of
// a lost hand-over. And nobody knows whether a host comes back that has been away for long.
bool out_of_reach(const Step& step, const DesktopRow& desktop) noexcept {
    const std::uint32_t row = desktop_host(step.t, desktop);
    if (row == no_row) {
        return false;
    }
    const HostRow& host = step.t.hosts[row];
    const bool away =
        host.link == 0 && step.now.mono - host.link_changed >= step.t.settings.desktops.host_away;
    return away || host.record.draining || handover_is_lost(step.t.vms[desktop.vm]);
}

void count(const Step& step, const DesktopRow& desktop, Census& census) noexcept {
    const DesktopState state = desktop.record.state;
    census.alive += state == DesktopState::inactive ? 0 : 1;
    census.leaving += state != DesktopState::inactive && desktop.goal == Goal::discard ? 1 : 0;
    if (!spare(desktop) || out_of_reach(step, desktop)) {
        return;
    }
    switch (state) {
        case DesktopState::creating:
        case DesktopState::ready:
        case DesktopState::unpausing:
        case DesktopState::restoring:
        case DesktopState::migrating:
            ++(desktop.goal == Goal::save ? census.saved : census.ready);
            ++census.spares;
            break;
        case DesktopState::pausing:
        case DesktopState::paused:
            ++census.paused;
            ++census.spares;
            break;
        case DesktopState::saving:
        case DesktopState::saved:
            census.stored += state == DesktopState::saved ? 1 : 0;
            ++census.saved;
            ++census.spares;
            break;
        case DesktopState::inactive:
        case DesktopState::booting:
        case DesktopState::running:
        case DesktopState::stopping:
        case DesktopState::failed: break;
    }
}

Census take_census(const Step& step, std::uint32_t pool) noexcept {
    Census census;
    for (const DesktopRow& desktop : step.t.desktops.rows()) {
        if (desktop.in_use && desktop.pool == pool) {
            count(step, desktop, census);
        }
    }
    return census;
}

bool can_start(const Tables& t, const DesktopRow& desktop) noexcept {
    return desktop.record.state == DesktopState::inactive && desktop.record.session == 0 &&
           t.vms[desktop.vm].state == VmState::inactive && vm_blocked(t, desktop.vm).empty();
}

// The next number that no guest has.
Name next_name(Tables& t, std::uint32_t pool) noexcept {
    const Name& prefix = t.desktop_pools[pool].record.name;
    for (;;) {
        const std::uint32_t number = ++t.desktop_pools[pool].last_number;
        const auto name = compose<limits::name_bytes_max>(
            prefix, "-", number < 10 ? "00" : (number < 100 ? "0" : ""), number);
        bool ambiguous = false;
        if (find_vm_row(t, name, ambiguous) == no_row && !ambiguous) {
            return Name{name.view()};
        }
    }
}

void report_unplaced(Step& step, std::uint32_t pool, const DesktopPlacement& placement) noexcept {
    DecisionRow decision;
    decision.kind = DecisionKind::desktop_not_started;
    decision.origin = JobOrigin::pool;
    decision.pool = step.t.desktop_pools[pool].record.name;
    decision.why = placement.nearest.empty()
                       ? compose("no host can take one more desktop now")
                       : compose("no host can take one more desktop now; ", placement.nearest_missing_mib,
                                 " MiB are missing on ", placement.nearest);
    decide(step, decision);
}

// One more desktop. False: not now.
bool start_one(Step& step, std::uint32_t pool) noexcept {
    Tables& t = step.t;
    std::uint32_t desktop =
        t.desktops.find([&](const DesktopRow& row) { return row.pool == pool && can_start(t, row); });
    const std::uint32_t last_number = t.desktop_pools[pool].last_number;
    const Name name = desktop == no_row ? next_name(t, pool) : t.desktops[desktop].record.name;
    const DesktopPlacement placement = place_desktop(step, pool, name);
    if (placement.host == no_row) {
        t.desktop_pools[pool].last_number = last_number;
        report_unplaced(step, pool, placement);
        t.desktop_pools[pool].retry_at = step.now.mono + t.settings.desktops.retry_first;
        return false;
    }
    std::string_view limit_name;
    if (desktop == no_row) {
        desktop = add_desktop(step, pool, name, {}, limit_name);
    }
    if (desktop == no_row) {
        step.report(Severity::warning, Subject::pool, "pool_limited", t.desktop_pools[pool].record.name, 0,
                    compose("limit ", limit_name, " is reached"));
        t.desktop_pools[pool].retry_at = step.now.mono + t.settings.desktops.retry_max;
        return false;
    }
    DecisionRow decision;
    decision.kind = DecisionKind::desktop_started;
    decision.origin = JobOrigin::pool;
    decision.pool = t.desktop_pools[pool].record.name;
    decision.vm = t.desktops[desktop].record.name;
    decision.chosen = t.hosts[placement.host].record.name;
    decision.why = "the targets ask for one more; this host has the fewest of the pool and room for it";
    const std::uint64_t id = decide(step, decision).id;
    return start_desktop(step, desktop, placement.host, Cause::wanted, id);
}

void fill_up(Step& step, std::uint32_t pool, const Census& census, std::size_t& starts) noexcept {
    const DesktopPoolRow& row = step.t.desktop_pools[pool];
    const PoolTargets& targets = row.record.targets;
    if (!row.record.enabled || step.now.mono < row.retry_at || census.spares >= targets.spares() ||
        census.alive >= targets.max) {
        return;
    }
    std::uint32_t missing = std::min(targets.spares() - census.spares, targets.max - census.alive);
    // After a failure one at a time, until one has succeeded.
    missing = row.failures > 0 ? std::min(missing, 1U) : missing;
    for (; missing > 0 && starts < desktop_starts_per_tick_max; --missing, ++starts) {
        if (!start_one(step, pool)) {
            return;
        }
    }
}

// What is restored takes memory again; what is woken has it.
bool room_for(const Step& step, const DesktopRow& desktop, JobKind kind) noexcept {
    const HostRoom& room = step.t.rooms[desktop_host(step.t, desktop)];
    const std::uint64_t with_it_mib = room.used_mib + step.t.vms[desktop.vm].memory_mib;
    return kind != JobKind::restore || (with_it_mib <= room.may_use_mib && !out_of_reach(step, desktop));
}

// The desktop of the pool that has been in the state for longest, at least `after`, and for which the job can
// be ordered; `no_row` when there is none.
std::uint32_t oldest(const Step& step, std::uint32_t pool, DesktopState state, Duration after,
                     JobKind kind) noexcept {
    std::uint32_t found = no_row;
    for (std::uint32_t row = 0; row < step.t.desktops.rows().size(); ++row) {
        const DesktopRow& desktop = step.t.desktops[row];
        const bool fits = desktop.in_use && desktop.pool == pool && desktop.record.state == state &&
                          desktop.goal == Goal::none && spare(desktop) && desktop_at_hand(step, desktop) &&
                          step.now.mono - desktop.since >= after && desktop_host(step.t, desktop) != no_row &&
                          room_for(step, desktop, kind);
        if (fits && (found == no_row || desktop.since < step.t.desktops[found].since)) {
            found = row;
        }
    }
    return found;
}

// An order on the oldest of a tier. False: there is none, or it cannot be given now.
bool order_oldest(Step& step, std::uint32_t pool, DesktopState tier, Duration after, JobKind kind,
                  Cause cause, Goal goal = Goal::none) noexcept {
    const std::uint32_t desktop = oldest(step, pool, tier, after, kind);
    if (desktop == no_row || order_desktop(step, desktop, kind, cause) == no_row) {
        return false;
    }
    if (kind == JobKind::restore) {
        charge_host(step, desktop_host(step.t, step.t.desktops[desktop]), pool);
    }
    step.t.desktops[desktop].goal = goal;
    return true;
}

// A saved spare that has no room where it lies goes when another host has room for a new one: if one is
// wanted ready, and if nobody who logs in could be given any. Then one after the other: the first may be
// enough.
bool replace_stranded(Step& step, std::uint32_t pool, const Census& census) noexcept {
    const DesktopPoolRow& row = step.t.desktop_pools[pool];
    const PoolTargets& targets = row.record.targets;
    const bool wanted = census.ready < targets.ready && census.saved > targets.saved;
    const bool none_to_grant = census.spares > 0 && census.stored == census.spares && census.leaving == 0;
    const bool would_be_made = row.record.enabled && step.now.mono >= row.retry_at;
    return (wanted || none_to_grant) && would_be_made &&
           oldest(step, pool, DesktopState::saved, Duration{}, JobKind::restore) == no_row &&
           place_desktop(step, pool, compose(row.record.name, "-")).host != no_row &&
           order_oldest(step, pool, DesktopState::saved, Duration{}, JobKind::destroy, Cause::stranded,
                        Goal::discard);
}

// Removes one spare: the cheapest to make again first.
bool drop_spare(Step& step, std::uint32_t pool, Cause cause) noexcept {
    for (const DesktopState tier : {DesktopState::ready, DesktopState::paused, DesktopState::saved}) {
        if (order_oldest(step, pool, tier, Duration{}, JobKind::destroy, cause, Goal::discard)) {
            return true;
        }
    }
    return false;
}

// One step down the ladder, or up, that the targets and timers ask for. False: nothing is due.
bool step_ladder(Step& step, std::uint32_t pool) noexcept {
    const DesktopPoolRecord& record = step.t.desktop_pools[pool].record;
    const PoolTargets& targets = record.targets;
    const PoolRules& rules = record.rules;
    const Census census = take_census(step, pool);
    const bool surplus = census.spares > targets.spares();
    if (census.alive > targets.max && census.spares > 0 && drop_spare(step, pool, Cause::surplus)) {
        return true;
    }
    if (census.ready < targets.ready) {  // up: what another tier has too many of
        if (census.paused > targets.paused &&
            order_oldest(step, pool, DesktopState::paused, Duration{}, JobKind::unpause, Cause::wanted)) {
            return true;
        }
        if (census.saved > targets.saved &&
            order_oldest(step, pool, DesktopState::saved, Duration{}, JobKind::restore, Cause::wanted)) {
            return true;
        }
    }
    if (replace_stranded(step, pool, census)) {
        return true;
    }
    if (census.ready > targets.ready && rules.pause_after_seconds > 0 &&
        order_oldest(step, pool, DesktopState::ready, ballast::seconds(rules.pause_after_seconds),
                     JobKind::pause, Cause::idle)) {
        return true;
    }
    if (census.ready > targets.ready && rules.pause_after_seconds == 0 && surplus &&
        order_oldest(step, pool, DesktopState::ready, Duration{}, JobKind::destroy, Cause::surplus,
                     Goal::discard)) {
        return true;
    }
    // Surplus ones are destroyed when their time is over; where nothing is ever saved, at once.
    const bool keep = !surplus || census.saved < targets.saved;
    if (census.paused > targets.paused && (!keep || rules.save_after_seconds > 0)) {
        const Duration after = ballast::seconds(rules.save_after_seconds);
        // Xen cannot save a paused guest: it is let run first.
        if (keep ? order_oldest(step, pool, DesktopState::paused, after, JobKind::unpause, Cause::idle,
                                Goal::save)
                 : order_oldest(step, pool, DesktopState::paused, after, JobKind::destroy, Cause::surplus,
                                Goal::discard)) {
            return true;
        }
    }
    if (census.saved > targets.saved && surplus &&
        order_oldest(step, pool, DesktopState::saved, Duration{}, JobKind::destroy, Cause::surplus,
                     Goal::discard)) {
        return true;
    }
    return rules.paused_max_seconds > 0 &&
           order_oldest(step, pool, DesktopState::paused, ballast::seconds(rules.paused_max_seconds),
                        JobKind::unpause, Cause::aged);
}

// Removes rows of desktops that are no more and will not be again.
void forget_inactive(Step& step, std::uint32_t pool, std::uint32_t keep) noexcept {
    std::size_t forgotten = 0;
    std::uint32_t kept = 0;
    for (std::uint32_t row = 0; row < step.t.desktops.rows().size() && forgotten < forgotten_per_tick_max;
         ++row) {
        const DesktopRow& desktop = step.t.desktops[row];
        if (desktop.in_use && desktop.pool == pool && can_start(step.t, desktop) && ++kept > keep) {
            ++forgotten;
            forget_desktop(step, row);
        }
    }
}

void close_pool(Step& step, std::uint32_t pool, std::size_t& orders) noexcept {
    while (orders < desktop_orders_per_tick_max && drop_spare(step, pool, Cause::pool_closed)) {
        ++orders;
    }
    forget_inactive(step, pool, 0);
    const bool empty =
        step.t.desktops.find([pool](const DesktopRow& row) { return row.pool == pool; }) == no_row;
    if (empty) {
        step.report(Severity::info, Subject::pool, "pool_deleted", step.t.desktop_pools[pool].record.name, 0,
                    {});
        step.out.add(ForgetDesktopPool{step.t.desktop_pools[pool].record.name});
        for (HostTrial& trial : step.t.trials_of(pool)) {
            trial = HostTrial{};
        }
        step.t.desktop_pools.remove(pool);
    }
}

}  // namespace

void tick_pools(Step& step) noexcept {
    if (step.t.desktop_pools.used() == 0) {
        return;
    }
    measure_hosts(step);
    std::size_t starts = 0;
    std::size_t orders = 0;
    for (std::uint32_t pool = 0; pool < step.t.desktop_pools.rows().size(); ++pool) {
        const DesktopPoolRow& row = step.t.desktop_pools[pool];
        if (!row.in_use) {
            continue;
        }
        if (row.record.closing) {
            close_pool(step, pool, orders);
            continue;
        }
        if (row.record.kind != VmKind::common) {
            continue;
        }
        tick_golden(step, pool);
        fill_up(step, pool, take_census(step, pool), starts);
        while (orders < desktop_orders_per_tick_max && step_ladder(step, pool)) {
            ++orders;
        }
        forget_inactive(step, pool, row.record.targets.max);
    }
}

}  // namespace ballast::controller
