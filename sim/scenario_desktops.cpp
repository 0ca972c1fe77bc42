#include "sim/scenario_desktops.hpp"

#include <array>

namespace ballast::simulator {
namespace {

using controller::CommandKind;

constexpr std::uint64_t desktops_part = 9;
constexpr std::array desktop_faults{
    IncidentKind::desktop_crashes, IncidentKind::desktop_powers_off, IncidentKind::guests_mute,
    IncidentKind::guests_babble,   IncidentKind::kernel_missing,     IncidentKind::shared_full,
    IncidentKind::shared_slow,     IncidentKind::shared_elsewhere,   IncidentKind::golden_rots,
};
constexpr std::array desktop_commands{
    CommandKind::pool_targets,   CommandKind::pool_targets, CommandKind::pool_disable,
    CommandKind::pool_enable,    CommandKind::pool_delete,  CommandKind::pool_create,
    CommandKind::private_delete, CommandKind::private_put,  CommandKind::pool_replace};

// Seconds, or never.
std::uint32_t seconds_or_never(Prng& random, double chance, std::int64_t low, std::int64_t high) {
    return random.chance(chance) ? static_cast<std::uint32_t>(between(random, low, high)) : 0;
}

controller::PoolRules make_rules(Prng& random) {
    controller::PoolRules rules;
    rules.after_session =
        random.chance(0.7) ? controller::AfterSession::reset : controller::AfterSession::ready;
    rules.console = random.chance(0.8) ? controller::Console::relay : controller::Console::none;
    rules.guest_signals = random.chance(0.7);
    rules.pause_after_seconds = seconds_or_never(random, 0.7, 3, 12);
    rules.save_after_seconds = seconds_or_never(random, 0.7, 3, 12);
    rules.paused_max_seconds = seconds_or_never(random, 0.3, 15, 40);
    rules.session_max_seconds = seconds_or_never(random, 0.3, 10, 60);
    rules.session_idle_seconds = seconds_or_never(random, 0.3, 6, 30);
    rules.disconnect_seconds = seconds_or_never(random, 0.5, 4, 20);
    rules.boot_timeout_seconds = static_cast<std::uint32_t>(between(random, 10, 25));
    rules.shutdown_grace_seconds = static_cast<std::uint32_t>(between(random, 2, 12));
    return rules;
}

DesktopShape make_shape(Prng& random, const PoolShape& pool) {
    DesktopShape shape;
    shape.users = static_cast<std::uint32_t>(between(random, 2, 5));
    shape.private_users = static_cast<std::uint32_t>(random.below(3));
    shape.volumes = static_cast<std::uint32_t>(random.below(3));
    shape.targets.ready = static_cast<std::uint32_t>(random.below(3));
    shape.targets.paused = static_cast<std::uint32_t>(random.below(3));
    shape.targets.saved = static_cast<std::uint32_t>(random.below(2));
    shape.targets.max = shape.targets.spares() + static_cast<std::uint32_t>(between(random, 1, 4));
    shape.common = make_rules(random);
    shape.personal = make_rules(random);
    shape.personal.pause_after_seconds = shape.personal.save_after_seconds = 0;
    shape.memory_mib = pool.host_memory_mib > 4096 && random.chance(0.5) ? 512 : 128;
    shape.misbehaving = random.chance(0.3) ? 0.15 : 0;
    shape.stay = random.chance(0.3) && shape.targets.max > shape.users;
    return shape;
}

Incident make_incident(Prng& random, const Scenario& scenario, std::int64_t span_ns) {
    const DesktopShape& shape = scenario.pool.desktops;
    Incident incident;
    incident.at_ns = between(random, 6 * second, span_ns);
    incident.host = static_cast<std::uint32_t>(random.below(scenario.pool.hosts));
    incident.other = static_cast<std::uint32_t>(random.below(2));
    incident.guest = static_cast<std::uint32_t>(random.below(shape.users));
    incident.amount = between(random, 500, 25'000);
    incident.lasts_ns = between(random, 50 * ms, 20 * second);
    const double kind = random.unit();
    if (kind < 0.6) {
        incident.kind = IncidentKind::login;
    } else if (kind < 0.85) {
        incident.kind = desktop_faults[random.below(desktop_faults.size())];
        incident.amount = between(random, 20, 1500);
    } else {
        incident.kind = IncidentKind::request;
        incident.command = desktop_commands[random.below(desktop_commands.size())];
        incident.repeated = random.chance(0.15);
    }
    return incident;
}

}  // namespace

void furnish(Scenario& scenario, std::int64_t span_ns) {
    Prng random = dice(scenario.seed, desktops_part, 0, 0);
    if (random.chance(0.3)) {
        return;
    }
    scenario.pool.desktops = make_shape(random, scenario.pool);
    const std::int64_t count = between(random, 4, 20);
    for (std::int64_t i = 0; i < count; ++i) {
        scenario.incidents.push_back(make_incident(random, scenario, span_ns));
    }
}

}  // namespace ballast::simulator
