#include "sim/agent_desktops.hpp"

#include <algorithm>

#include "sim/world.hpp"

namespace ballast::simulator {
namespace {

constexpr std::uint16_t port_first = 5950;
constexpr std::uint16_t port_count = 6;
constexpr std::int64_t relay_report_ns = 5 * second;
constexpr std::int64_t file_server_max_ns = 30 * ms;

}  // namespace

// ---- relays ----

Fault Agents::find_console(std::uint32_t host, const Uuid& uuid, Detail& why) {
    Machine& machine = world_.machine(host);
    if (machine.hypervisor_silent > 0) {
        why = "the hypervisor does not answer";
        return Fault::hypervisor_unavailable;
    }
    const sim::Guest* guest = sim::find_uuid(machine.xen, uuid);
    if (guest == nullptr || guest->dying) {
        why = "the guest is not on this host";
        return Fault::not_found;
    }
    return Fault::none;
}

void Agents::report_relay(std::uint32_t host, const RelayPort& relay) {
    wire::RelayStatus status;
    status.session_id = relay.order.session_id;
    status.uuid = relay.order.uuid;
    status.state = relay.visit == nobody ? wire::RelayState::listening : wire::RelayState::connected;
    status.address = world_.machine(host).name.view();
    status.port = relay.port;
    status.idle_seconds = static_cast<std::uint32_t>((world_.engine.now_ns - relay.input_ns) / second);
    say(host, status);
}

void Agents::report_closed(std::uint32_t host, const wire::RelayOpen& order, Fault fault, const Detail& why) {
    wire::RelayStatus status;
    status.session_id = order.session_id;
    status.uuid = order.uuid;
    status.state = wire::RelayState::closed;
    status.fault = fault;
    status.detail = why;
    world_.engine.log("h{}: the relay of session {} is closed {}", host, order.session_id, why.view());
    say(host, status);
}

void Agents::open_relay(std::uint32_t host, const wire::RelayOpen& order) {
    DesktopSide& side = agents_[host].desktops;
    const auto known = std::find_if(side.relays.begin(), side.relays.end(), [&order](const RelayPort& relay) {
        return relay.order.session_id == order.session_id;
    });
    if (known != side.relays.end()) {
        if (known->order == order) {
            report_relay(host, *known);
            return;
        }
        world_.users.cut_off(known->visit);
        side.relays.erase(known);
    }
    Detail why;
    Fault fault = Fault::none;
    if (side.relays.size() >= port_count) {
        fault = Fault::limit_reached;
        why = "relay.port_count: all ports are taken";
    } else {
        fault = find_console(host, order.uuid, why);
    }
    if (fault != Fault::none) {
        report_closed(host, order, fault, why);
        return;
    }
    RelayPort relay{.order = order, .input_ns = world_.engine.now_ns};
    do {
        relay.port = static_cast<std::uint16_t>(port_first + side.next_port);
        side.next_port = static_cast<std::uint16_t>((side.next_port + 1) % port_count);
    } while (std::any_of(side.relays.begin(), side.relays.end(),
                         [&relay](const RelayPort& other) { return other.port == relay.port; }));
    side.relays.push_back(relay);
    world_.engine.log("h{}: the relay of session {} is at port {}", host, order.session_id, relay.port);
    report_relay(host, relay);
}

void Agents::close_relay(std::uint32_t host, std::uint64_t session_id) {
    std::vector<RelayPort>& relays = agents_[host].desktops.relays;
    wire::RelayOpen order;
    order.session_id = session_id;
    for (std::size_t i = relays.size(); i-- > 0;) {
        if (relays[i].order.session_id == session_id) {
            order = relays[i].order;
            world_.users.cut_off(relays[i].visit);
            relays.erase(relays.begin() + static_cast<std::ptrdiff_t>(i));
        }
    }
    report_closed(host, order, Fault::none, {});
}

void Agents::close_orphaned_relays(std::uint32_t host) {
    std::vector<RelayPort>& relays = agents_[host].desktops.relays;
    for (std::size_t i = relays.size(); i-- > 0;) {
        Detail why;
        const wire::RelayOpen order = relays[i].order;
        if (find_console(host, order.uuid, why) == Fault::not_found) {
            world_.users.cut_off(relays[i].visit);
            relays.erase(relays.begin() + static_cast<std::ptrdiff_t>(i));
            report_closed(host, order, Fault::not_found, why);
        }
    }
}

// ---- a client ----

const RelayPort* Agents::dial_relay(std::uint32_t host, std::uint16_t port, std::string_view password,
                                    std::uint32_t visit) {
    Process& process = agents_[host];
    for (RelayPort& relay : process.desktops.relays) {
        Detail why;
        if (process.core == nullptr || relay.port != port || relay.order.password.view() != password ||
            find_console(host, relay.order.uuid, why) != Fault::none) {
            continue;
        }
        if (relay.visit != visit) {
            world_.users.cut_off(relay.visit);
        }
        relay.visit = visit;
        relay.input_ns = world_.engine.now_ns;
        report_relay(host, relay);
        arm(host, Timer::relays, relay_report_ns);
        return &relay;
    }
    return nullptr;
}

void Agents::touch_relay(std::uint32_t visit, bool hangs_up) {
    for (std::uint32_t host = 0; host < agents_.size(); ++host) {
        for (RelayPort& relay : agents_[host].desktops.relays) {
            if (relay.visit != visit) {
                continue;
            }
            relay.input_ns = world_.engine.now_ns;
            if (hangs_up) {
                relay.visit = nobody;
                report_relay(host, relay);
            }
        }
    }
}

// ---- what guests say ----

void Agents::look_at_guest(std::uint32_t host, const sim::Guest& guest) {
    if (!guest.built || guest.dying || !sim::signals_up(guest) ||
        guest.workload.signals == sim::Signals::never) {
        return;
    }
    const bool nonsense = guest.workload.signals != sim::Signals::normal;
    const ToldSignal now{guest.uuid, nonsense ? Uuid{} : guest.nonce, !nonsense, nonsense};
    const auto [told, is_new] = agents_[host].desktops.told.try_emplace(guest.domid);
    if (!is_new && told->second.uuid == now.uuid && told->second.nonce == now.nonce &&
        told->second.ready == now.ready && told->second.nonsense == now.nonsense) {
        return;
    }
    told->second = now;
    wire::GuestSignal signal;
    signal.uuid = guest.uuid;
    signal.domid = guest.domid;
    if (nonsense) {
        signal.fault = Fault::protocol_violation;
        signal.detail = "data/ballast/nonce: expected a uuid";
    } else {
        signal.nonce = guest.nonce;
        signal.address = "10.77.0.1";
        signal.ready = true;
    }
    say(host, signal);
}

void Agents::look_at_guests(std::uint32_t host) {
    Machine& machine = world_.machine(host);
    if (machine.hypervisor_silent > 0 || world_.scenario.pool.desktops.users == 0) {
        return;
    }
    sim::advance(machine.xen, world_.engine.now_ns);
    std::map<std::uint32_t, ToldSignal>& told = agents_[host].desktops.told;
    std::erase_if(
        told, [&machine](const auto& known) { return sim::find_domid(machine.xen, known.first) == nullptr; });
    for (const sim::Guest& guest : machine.xen.guests) {
        look_at_guest(host, guest);
    }
    const std::int64_t next_ns = sim::next_signal_ns(machine.xen);
    if (next_ns != sim::never_ns) {
        arm(host, Timer::signals, std::max<std::int64_t>(next_ns - world_.engine.now_ns, 0) + ms);
    }
}

void Agents::take_note(std::uint32_t host, const wire::GuestNote& note) {
    Machine& machine = world_.machine(host);
    Detail why;
    const Fault fault = find_console(host, note.uuid, why);
    if (fault != Fault::none) {
        wire::GuestSignal signal;
        signal.uuid = note.uuid;
        signal.fault = fault;
        signal.detail = why;
        say(host, signal);
        return;
    }
    const sim::Guest* found = sim::find_uuid(machine.xen, note.uuid);
    if (note.watch != wire::LifeSigns::none) {
        // Who runs uses its processor. What does not is asked about again.
        if (found->built && found->pause_count == 0) {
            wire::GuestSignal signal;
            signal.uuid = note.uuid;
            signal.domid = found->domid;
            signal.nonce = note.nonce;
            signal.ready = true;
            say(host, signal);
        }
        return;
    }
    sim::find_domid(machine.xen, found->domid)->nonce = note.nonce;
    look_at_guests(host);
}

// ---- the shared store ----

void Agents::take_probe(std::uint32_t host, const wire::StoreProbe& probe) {
    Process& process = agents_[host];
    process.desktops.probes.push_back(probe);
    if (process.desktops.probes.size() == 1) {
        arm(host, Timer::store, between(process.random, ms, file_server_max_ns) + world_.shared_delay_ns());
    }
}

void Agents::answer_probe(std::uint32_t host) {
    Process& process = agents_[host];
    DesktopSide& side = process.desktops;
    if (side.probes.empty()) {
        return;
    }
    const wire::StoreProbe probe = side.probes.front();
    side.probes.pop_front();
    SharedStore& store = world_.store_at(host);
    wire::StoreAnswer answer;
    answer.probe_id = probe.probe_id;
    answer.step = probe.step;
    if (probe.step == wire::StoreStep::write) {
        if (world_.shared_full > 0) {
            answer.fault = Fault::no_disk_space;
        } else {
            store.probes[probe.probe_id] = probe.secret;
        }
    } else if (probe.step == wire::StoreStep::erase) {
        store.probes.erase(probe.probe_id);
    } else {
        const auto found = store.probes.find(probe.probe_id);
        const bool good = found != store.probes.end() && found->second == probe.secret;
        answer.fault = good ? Fault::none : Fault::storage_mismatch;
        if (side.store_proven != good) {
            inventory_changed(host);
        }
        side.store_proven = good;
        side.store_seen = world_.store_seen(host);
    }
    say(host, answer);
    if (!side.probes.empty()) {
        arm(host, Timer::store, between(process.random, ms, file_server_max_ns) + world_.shared_delay_ns());
    }
}

// ---- all of it ----

bool Agents::hear_desktop_order(std::uint32_t host, const Letter& letter) {
    if (const auto* open = std::get_if<wire::RelayOpen>(&letter)) {
        open_relay(host, *open);
    } else if (const auto* closing = std::get_if<wire::RelayClose>(&letter)) {
        close_relay(host, closing->session_id);
    } else if (const auto* note = std::get_if<wire::GuestNote>(&letter)) {
        take_note(host, *note);
    } else if (const auto* probe = std::get_if<wire::StoreProbe>(&letter)) {
        take_probe(host, *probe);
    } else {
        return false;
    }
    return true;
}

void Agents::tell_desktop_side(std::uint32_t host) {
    for (const RelayPort& relay : agents_[host].desktops.relays) {
        report_relay(host, relay);
    }
    agents_[host].desktops.told.clear();
    look_at_guests(host);
}

void Agents::desktop_timer(std::uint32_t host, Timer timer) {
    if (timer == Timer::store) {
        answer_probe(host);
    } else if (timer == Timer::signals) {
        look_at_guests(host);
    } else {
        bool anybody = false;
        for (const RelayPort& relay : agents_[host].desktops.relays) {
            if (relay.visit != nobody) {
                anybody = true;
                report_relay(host, relay);
            }
        }
        if (anybody) {
            arm(host, Timer::relays, relay_report_ns);
        }
    }
}

}  // namespace ballast::simulator
