// What breaks, and how it is mended.
#include "sim/world.hpp"

namespace ballast::simulator {
namespace {

constexpr std::int64_t boot_min_ns = 5 * second;

}  // namespace

void World::on_incident(std::uint32_t index) {
    const Incident& incident = scenario.incidents[index];
    engine.log("-- {}", describe(incident));
    if (incident.kind == IncidentKind::request) {
        operators.begin(incident);
        return;
    }
    if (incident.kind == IncidentKind::login) {
        users.begin(incident);
        return;
    }
    if (!begin_death(incident)) {
        begin_fault(incident);
        open_faults_[index] = true;
        engine.after(incident.lasts_ns, EventKind::incident_over, index);
    }
}

// What has no end of its own: a death, after which somebody starts the thing again, or a moment.
bool World::begin_death(const Incident& incident) {
    if (incident.kind == IncidentKind::agent_dies) {
        agents.kill(incident.host);
        engine.after(incident.lasts_ns, EventKind::agent_start, incident.host);
    } else if (incident.kind == IncidentKind::agent_dies_in_steps) {
        agents.kill_in_steps(incident.host, incident.amount);
    } else if (incident.kind == IncidentKind::host_dies) {
        lose_power(incident.host);
        engine.after(boot_min_ns + incident.lasts_ns, EventKind::host_boot, incident.host);
    } else if (incident.kind == IncidentKind::controller_dies ||
               incident.kind == IncidentKind::controller_host_dies) {
        controller.kill(incident.kind == IncidentKind::controller_host_dies);
        engine.after(incident.lasts_ns, EventKind::controller_start);
    } else if (incident.kind == IncidentKind::controller_dies_in_steps) {
        controller.kill_in_steps(incident.amount);
    } else if (incident.kind == IncidentKind::workers_die) {
        workers.kill_all(incident.host, false);
    } else if (incident.kind == IncidentKind::controller_clock_jumps) {
        controller.wall_offset_ms += incident.amount;
    } else if (incident.kind == IncidentKind::host_clock_jumps) {
        machines[incident.host].wall_offset_ms += incident.amount;
    } else if (incident.kind == IncidentKind::guest_crashes ||
               incident.kind == IncidentKind::guest_powers_off) {
        guest_fault(incident, true);
    } else if (incident.kind == IncidentKind::desktop_crashes ||
               incident.kind == IncidentKind::desktop_powers_off) {
        desktop_fault(incident);
    } else if (incident.kind == IncidentKind::golden_rots) {
        for (auto& [path, file] : stores[0].files) {
            file->image.corrupt = file->golden;
        }
    } else {
        return false;
    }
    return true;
}

void World::begin_fault(const Incident& incident) {
    if (incident.kind >= IncidentKind::cut && incident.kind <= IncidentKind::slow_network) {
        net_fault(incident, true);
    } else if (incident.kind == IncidentKind::store_fails) {
        ++controller.store_fails;
    } else if (incident.kind == IncidentKind::store_fails_late) {
        ++controller.store_fails_late;
    } else if (incident.kind == IncidentKind::store_slow) {
        controller.store_slow_ms = incident.amount;
    } else if (incident.kind == IncidentKind::guest_deaf) {
        guest_fault(incident, true);
    } else if (incident.kind == IncidentKind::shared_full) {
        ++shared_full;
    } else if (incident.kind == IncidentKind::shared_slow) {
        shared_slow_ms = incident.amount;
    } else if (incident.kind == IncidentKind::guests_mute || incident.kind == IncidentKind::guests_babble) {
        signals_fault(incident, true);
    } else {
        host_fault(incident, true);
    }
}

void World::end_fault(const Incident& incident) {
    engine.log("-- over: {}", describe(incident));
    if (incident.kind >= IncidentKind::cut && incident.kind <= IncidentKind::slow_network) {
        net_fault(incident, false);
    } else if (incident.kind == IncidentKind::store_fails) {
        --controller.store_fails;
    } else if (incident.kind == IncidentKind::store_fails_late) {
        --controller.store_fails_late;
    } else if (incident.kind == IncidentKind::store_slow) {
        controller.store_slow_ms = 0;
    } else if (incident.kind == IncidentKind::guest_deaf) {
        guest_fault(incident, false);
    } else if (incident.kind == IncidentKind::shared_full) {
        --shared_full;
    } else if (incident.kind == IncidentKind::shared_slow) {
        shared_slow_ms = 0;
    } else if (incident.kind == IncidentKind::guests_mute || incident.kind == IncidentKind::guests_babble) {
        signals_fault(incident, false);
    } else {
        host_fault(incident, false);
    }
}

void World::net_fault(const Incident& incident, bool begins) {
    const std::uint32_t to = incident.other == controller_node ? network.controller() : incident.other;
    const auto set = [&](std::uint32_t a, std::uint32_t b) {
        begins ? network.cut(a, b) : network.mend(a, b);
    };
    if (incident.kind == IncidentKind::slow_network) {
        network.set_slow(begins ? incident.amount * ms : 0);
    } else if (incident.kind == IncidentKind::isolated) {
        for (std::uint32_t node = 0; node <= network.controller(); ++node) {
            if (node != incident.host) {
                set(incident.host, node);
                set(node, incident.host);
            }
        }
    } else {
        set(incident.host, to);
        if (incident.kind == IncidentKind::cut) {
            set(to, incident.host);
        }
    }
}

void World::host_fault(const Incident& incident, bool begins) {
    Machine& at = machines[incident.host];
    const auto count = [begins](std::uint32_t& broken) { begins ? ++broken : --broken; };
    if (incident.kind == IncidentKind::journal_fails) {
        count(at.journal_fails);
    } else if (incident.kind == IncidentKind::journal_fails_late) {
        count(at.journal_fails_late);
    } else if (incident.kind == IncidentKind::journal_slow) {
        at.journal_slow_ms = begins ? incident.amount : 0;
    } else if (incident.kind == IncidentKind::saves_full) {
        count(at.saves_full);
    } else if (incident.kind == IncidentKind::kernel_missing) {
        count(at.kernel_missing);
    } else if (incident.kind == IncidentKind::shared_elsewhere) {
        count(at.shared_elsewhere);
    } else {
        count(at.hypervisor_silent);
    }
}

void World::guest_fault(const Incident& incident, bool begins) {
    const Uuid uuid = spec_of(incident.guest).uuid;
    for (Machine& at : machines) {
        sim::advance(at.xen, engine.now_ns);
        for (sim::Guest& guest : at.xen.guests) {
            if (guest.uuid != uuid) {
                continue;
            }
            if (incident.kind == IncidentKind::guest_deaf) {
                guest.workload.unresponsive = begins;
            } else if (incident.kind == IncidentKind::guest_crashes) {
                sim::crash(at.xen, guest);
            } else {
                sim::power_off(at.xen, guest);
            }
        }
    }
}

// The last fault is over: everything is mended and started again, and people stop asking for more.
void World::heal() {
    engine.log("-- everything is mended");
    healing_ = true;
    for (std::uint32_t index = 0; index < scenario.incidents.size(); ++index) {
        if (open_faults_[index]) {
            open_faults_[index] = false;
            end_fault(scenario.incidents[index]);
        }
    }
    for (Machine& at : machines) {
        for (sim::Guest& guest : at.xen.guests) {
            guest.workload.unresponsive = false;
        }
    }
    listen_to_all_guests();
    for (std::uint32_t host = 0; host < hosts(); ++host) {
        agents.kill_in_steps(host, 0);
        boot(host);
        engine.after(second, EventKind::agent_start, host);
    }
    controller.kill_in_steps(0);
    engine.after(second, EventKind::controller_start);
    operators.uncordon_all();
    users.come_once_more();
}

}  // namespace ballast::simulator
