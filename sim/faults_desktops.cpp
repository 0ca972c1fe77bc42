// What goes wrong with desktops.
#include "sim/world.hpp"

namespace ballast::simulator {

void World::desktop_fault(const Incident& incident) {
    std::vector<std::pair<std::uint32_t, std::uint32_t>> all;  // host, domid
    for (std::uint32_t host = 0; host < hosts(); ++host) {
        sim::advance(machines[host].xen, engine.now_ns);
        for (const sim::Guest& guest : machines[host].xen.guests) {
            if (Operators::is_desktop(guest.name.view()) && sim::executing(guest)) {
                all.emplace_back(host, guest.domid);
            }
        }
    }
    if (all.empty()) {
        return;
    }
    const auto [host, domid] = all[incident.guest % all.size()];
    sim::SimHost& xen = machines[host].xen;
    sim::Guest& guest = *sim::find_domid(xen, domid);
    if (incident.kind == IncidentKind::desktop_crashes) {
        sim::crash(xen, guest);
    } else {
        sim::power_off(xen, guest);
    }
}

sim::Signals World::signals_of_newborn(std::uint32_t host, Prng& random) const {
    const bool misbehaves = random.chance(scenario.pool.desktops.misbehaving) && !healing_;
    if (machines[host].guests_mute > 0) {
        return sim::Signals::never;
    }
    if (machines[host].guests_babble > 0) {
        return sim::Signals::huge;
    }
    return misbehaves ? static_cast<sim::Signals>(1 + random.below(3)) : sim::Signals::normal;
}

void World::signals_fault(const Incident& incident, bool begins) {
    Machine& at = machines[incident.host];
    const bool mute = incident.kind == IncidentKind::guests_mute;
    std::uint32_t& count = mute ? at.guests_mute : at.guests_babble;
    begins ? ++count : --count;
    for (sim::Guest& guest : at.xen.guests) {
        guest.workload.signals = at.guests_mute > 0     ? sim::Signals::never
                                 : at.guests_babble > 0 ? sim::Signals::garbage
                                                        : sim::Signals::normal;
    }
    agents.inventory_changed(incident.host);
}

void World::listen_to_all_guests() {
    for (std::uint32_t host = 0; host < hosts(); ++host) {
        for (sim::Guest& guest : machines[host].xen.guests) {
            guest.workload.signals = sim::Signals::normal;
        }
        for (auto& [uuid, slot] : machines[host].saves) {
            slot.complete_image.workload.signals = sim::Signals::normal;
            slot.partial_image.workload.signals = sim::Signals::normal;
        }
        agents.inventory_changed(host);
    }
    for (SharedStore& store : stores) {
        for (auto& [path, file] : store.files) {
            file->image.workload.signals = sim::Signals::normal;
        }
    }
}

}  // namespace ballast::simulator
