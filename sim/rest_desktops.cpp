// When pools, desktops and sessions have come to rest, and what must be true of them then.
#include <algorithm>

#include "sim/world.hpp"

namespace ballast::simulator {
namespace {

using controller::DesktopState;
using controller::SessionState;

struct Tiers {
    std::uint32_t ready = 0;
    std::uint32_t paused = 0;
    std::uint32_t saved = 0;
    std::uint32_t used = 0;
    std::uint32_t stuck = 0;  // on hosts that are being emptied: granted to nobody
    std::uint32_t all() const noexcept { return ready + paused + saved + used + stuck; }
};

Tiers tiers_of(const controller::Core& core, std::uint32_t pool) {
    Tiers tiers;
    for (const controller::DesktopRow& desktop : core.desktops()) {
        if (!desktop.in_use || desktop.pool != pool) {
            continue;
        }
        const DesktopState state = desktop.record.state;
        tiers.used += desktop.record.session != 0 ? 1 : 0;
        const std::uint32_t host = core.vm(desktop.vm).host;
        const bool stuck = state != DesktopState::inactive && desktop.record.session == 0 &&
                           host != controller::no_row && core.host(host).record.draining;
        tiers.stuck += stuck ? 1 : 0;
        const bool spare = desktop.record.session == 0 && !stuck;
        tiers.ready += spare && state == DesktopState::ready ? 1 : 0;
        tiers.paused += spare && state == DesktopState::paused ? 1 : 0;
        tiers.saved += spare && state == DesktopState::saved ? 1 : 0;
    }
    return tiers;
}

}  // namespace

bool World::room_for_a_desktop() const {
    const std::uint64_t memory_kib = std::uint64_t{scenario.pool.desktops.memory_mib} * 1024;
    // What an agent reckons beside the guest's memory, and what the controller rounds up.
    const std::uint64_t need_kib = memory_kib + memory_kib / 128 + 8 * 1024 + memory_reserved_mib * 1024;
    const controller::Core& core = controller.core();
    return std::any_of(machines.begin(), machines.end(), [&](const Machine& machine) {
        // A drain that was asked for during the faults may be answered after everything was mended: such a
        // host takes no guests, however much is free on it.
        const std::uint32_t row = core.find_host(machine.name);
        const bool closed =
            row != controller::no_row && (core.host(row).record.cordoned || core.host(row).record.draining);
        return !closed && sim::memory_free_kib(machine.xen) >= need_kib;
    });
}

std::string World::restless_desktops() {
    const controller::Core& core = controller.core();
    for (const controller::DesktopRow& desktop : core.desktops()) {
        const DesktopState state = desktop.record.state;
        const bool rests = state == DesktopState::inactive || state == DesktopState::ready ||
                           state == DesktopState::running || state == DesktopState::paused ||
                           state == DesktopState::saved;
        const bool lives = state != DesktopState::inactive && desktop.record.session == 0;
        const bool left = (lives && desktop.record.kind == VmKind::personal) ||
                          (state == DesktopState::running && desktop.record.session == 0);
        // An operator's to settle: its copy may hold its user's work.
        const bool in_doubt = desktop.record.kind == VmKind::personal && state == DesktopState::migrating &&
                              core.vm(desktop.vm).job == controller::no_row;
        if (desktop.in_use && !in_doubt && (!rests || left)) {
            return fmt::format("{} is {}: {}", desktop.record.name.view(), controller::to_string(state),
                               desktop.trouble.view());
        }
    }
    for (const controller::SessionRow& session : core.sessions()) {
        if (session.in_use && (session.record.state == SessionState::opening ||
                               session.record.state == SessionState::closing)) {
            return fmt::format("session {} is {}", session.record.id,
                               controller::to_string(session.record.state));
        }
        if (session.in_use && session.relay_host != controller::no_row && !session.relay_up) {
            return fmt::format("session {} has no relay yet", session.record.id);
        }
        if (session.in_use && session.record.state == SessionState::open &&
            !users.may_stay(session.record.user.view())) {
            return fmt::format("session {} of {} is open, and he has logged out", session.record.id,
                               session.record.user.view());
        }
    }
    for (std::uint32_t pool = 0; pool < core.desktop_pools().size(); ++pool) {
        const controller::DesktopPoolRow& row = core.desktop_pools()[pool];
        if (!row.in_use || row.record.kind != VmKind::common) {
            continue;
        }
        if (row.record.closing) {
            return fmt::format("pool {} is being deleted", row.record.name.view());
        }
        if (std::string why = unmet_targets(row, pool); !why.empty()) {
            return why;
        }
    }
    return users.waiting();
}

// What is in the way of the pool's targets. Empty: they are met, as far as its rules bring desktops from tier
// to tier.
std::string World::unmet_targets(const controller::DesktopPoolRow& row, std::uint32_t pool) {
    const controller::PoolTargets& targets = row.record.targets;
    const controller::PoolRules& rules = row.record.rules;
    const Tiers have = tiers_of(controller.core(), pool);
    const std::uint32_t taken = have.used + have.stuck;
    const std::uint32_t room = targets.max > taken ? targets.max - taken : 0;
    const std::uint32_t spares = std::min(targets.spares(), room);
    const auto unmet = [&](std::string_view what) {
        return fmt::format(
            "pool {}: {} (ready {}, paused {}, saved {}, used {} of ready {}, paused {}, saved {}, "
            "max {})",
            row.record.name.view(), what, have.ready, have.paused, have.saved, have.used, targets.ready,
            targets.paused, targets.saved, targets.max);
    };
    if (have.all() > std::max(targets.max, taken)) {
        return unmet("more than max");
    }
    if (have.ready + have.paused + have.saved < spares && room_for_a_desktop()) {
        return unmet("too few spares");
    }
    // Where those in use leave no room for all spares, the paused ones among them stay paused.
    if (have.ready < targets.ready && spares == targets.spares() && room_for_a_desktop()) {
        return unmet("too few ready ones");
    }
    // Spares go down by their timers only, and old paused ones are woken for a while.
    if (rules.pause_after_seconds == 0 || rules.paused_max_seconds > 0) {
        return {};
    }
    if (have.ready > targets.ready || have.ready + have.paused + have.saved > targets.spares()) {
        return rules.save_after_seconds > 0 || have.ready > targets.ready ? unmet("too many") : std::string{};
    }
    return {};
}

// Nothing is left of what nobody wants any more: no relay, no attached disk, no domain.
void World::check_desktops_at_rest() {
    const controller::Core& core = controller.core();
    for (std::uint32_t host = 0; host < hosts(); ++host) {
        for (const RelayPort& relay : agents.desktops(host).relays) {
            const std::uint32_t row = core.find_session(relay.order.session_id);
            const bool wanted = row != controller::no_row &&
                                core.session(row).record.state == SessionState::open &&
                                core.session(row).relay_up && core.session(row).relay_port == relay.port &&
                                core.session(row).relay_address == machines[host].name.view();
            if (!wanted) {
                engine.broken(Invariant::every_job_ends,
                              "at rest, h{} has a relay of session {}, which is over", host,
                              relay.order.session_id);
            }
        }
        for (const sim::Guest& guest : machines[host].xen.guests) {
            check_desktop_guest(host, guest.uuid, guest.name.view());
        }
        for (const auto& [uuid, slot] : machines[host].saves) {
            if (slot.complete) {
                check_desktop_guest(host, uuid, slot.complete_image.guest.name.view());
            }
        }
    }
    // Whose store is another one at the moment in which his job ends, cannot tidy up behind it in the shared
    // one.
    const bool out_of_reach =
        std::any_of(scenario.incidents.begin(), scenario.incidents.end(),
                    [](const Incident& incident) { return incident.kind == IncidentKind::shared_elsewhere; });
    for (const auto& [path, file] : stores[0].files) {
        if (path.ends_with(".tmp") && !out_of_reach) {
            engine.broken(Invariant::every_job_ends, "at rest, {} lies in the shared store", path);
        }
    }
}

void World::check_desktop_guest(std::uint32_t host, const Uuid& uuid, std::string_view name) {
    if (!Operators::is_desktop(name)) {
        return;
    }
    const controller::Core& core = controller.core();
    const std::uint32_t vm = core.find_vm(to_text(uuid).view());
    const std::uint32_t row = vm == controller::no_row ? controller::no_row : core.vm(vm).desktop;
    if (row == controller::no_row) {
        engine.broken(Invariant::every_job_ends, "at rest, h{} has {}, which is nobody's desktop", host,
                      name);
        return;
    }
    const controller::DesktopRecord& desktop = core.desktop(row).record;
    if (desktop.state == DesktopState::inactive ||
        (desktop.kind == VmKind::personal && desktop.session == 0)) {
        engine.broken(Invariant::every_job_ends, "at rest, h{} has {}, which is {} and has no session", host,
                      name, controller::to_string(desktop.state));
    }
}

}  // namespace ballast::simulator
