// What an agent's shell sees of its host, and does to it in short calls (agent/host_view.cpp,
// agent/save_files.cpp).
#include <algorithm>

#include "sim/world.hpp"

namespace ballast::simulator {
namespace {

constexpr std::uint64_t plenty_bytes = 1ull << 40;

std::string_view bare(std::string_view name) noexcept {
    for (const std::string_view suffix : {incoming_suffix, migrated_away_suffix}) {
        if (name.ends_with(suffix)) {
            return name.substr(0, name.size() - suffix.size());
        }
    }
    return name;
}

wire::DomainInfo info_of(const sim::Guest& guest) {
    wire::DomainInfo info;
    info.uuid = guest.uuid;
    info.domid = guest.domid;
    info.name = guest.name;
    info.type = guest.type;
    info.state = sim::state_of(guest);
    info.memory_kib = guest.memory_kib;
    info.vcpus = guest.vcpus;
    info.ours = guest.ours;
    const std::string_view name = guest.name;
    info.in_flight = name.ends_with(incoming_suffix)        ? wire::InFlight::incoming
                     : name.ends_with(migrated_away_suffix) ? wire::InFlight::departing
                                                            : wire::InFlight::no;
    return info;
}

}  // namespace

void Agents::look(std::uint32_t host, std::uint32_t row, bool survey, agent::Truth& out) {
    Machine& machine = world_.machine(host);
    const agent::Core& core = *agents_[host].core;
    const agent::JobRecord& record = core.record(row);
    out = agent::Truth{};
    if (machine.hypervisor_silent > 0) {
        out.fault = Fault::hypervisor_unavailable;
        return;
    }
    sim::advance(machine.xen, world_.engine.now_ns);
    if (const sim::Guest* guest = sim::find_uuid(machine.xen, record.uuid)) {
        out.domain = info_of(*guest);
    } else {
        out.domain.uuid = record.uuid;
        out.domain.name = record.name;
        out.domain.state = DomainState::absent;
    }
    if (const auto slot = machine.saves.find(record.uuid); slot != machine.saves.end()) {
        out.file_partial = slot->second.partial;
        out.file_complete = slot->second.complete;
        out.file_consumed = slot->second.consumed;
        out.saved_memory_kib = slot->second.complete ? slot->second.complete_image.guest.memory_kib : 0;
    }
    out.store_proven = agents_[host].desktops.store_proven;
    out.disk_free_bytes = machine.saves_full > 0 ? 0 : plenty_bytes;
    if (survey) {
        const HostFacts facts = sim::facts(machine.xen);
        out.memory_free_kib = facts.memory_free_kib;
        out.can_pv = facts.can_pv;
        out.can_hvm = facts.can_hvm;
        out.can_hap = facts.can_hap;
        out.can_shadow = facts.can_shadow;
        for (const sim::Guest& guest : machine.xen.guests) {
            out.memory_taken_kib += core.taken_kib(guest.uuid, guest.memory_kib);
        }
        out.name_taken = std::any_of(
            machine.xen.guests.begin(), machine.xen.guests.end(), [&record](const sim::Guest& guest) {
                return guest.uuid != record.uuid && bare(guest.name.view()) == record.name.view();
            });
    }
}

Fault Agents::call(std::uint32_t host, agent::Call what, const agent::JobRecord& record) {
    Machine& machine = world_.machine(host);
    if (machine.hypervisor_silent > 0) {
        return Fault::hypervisor_unavailable;
    }
    sim::advance(machine.xen, world_.engine.now_ns);
    const sim::Guest* found = sim::find_uuid(machine.xen, record.uuid);
    if (found == nullptr) {
        return Fault::not_found;
    }
    sim::Guest& guest = *sim::find_domid(machine.xen, found->domid);
    Name away = record.name;
    away.append_cut(migrated_away_suffix);
    switch (what) {
        case agent::Call::pause: return sim::pause(machine.xen, guest).fault();
        case agent::Call::unpause: return sim::unpause(machine.xen, guest).fault();
        case agent::Call::resume: return sim::resume_suspended(machine.xen, guest).fault();
        case agent::Call::resume_late: return sim::resume_suspended(machine.xen, guest, true).fault();
        case agent::Call::withdraw_suspend: return sim::withdraw_suspend(machine.xen, guest).fault();
        case agent::Call::rename_away: return sim::rename(machine.xen, guest, guest.name, away).fault();
        case agent::Call::rename_back:
        case agent::Call::rename_final:
            return guest.name == record.name
                       ? Fault::none
                       : sim::rename(machine.xen, guest, Name{guest.name}, record.name).fault();
    }
    return Fault::none;
}

Fault Agents::file(std::uint32_t host, agent::FileStep what, const Uuid& uuid) {
    Machine& machine = world_.machine(host);
    SaveSlot& slot = machine.saves[uuid];
    switch (what) {
        case agent::FileStep::discard_partial: slot.partial = slot.sealed = false; break;
        case agent::FileStep::publish:
            if (!slot.partial) {
                return Fault::io_failed;
            }
            slot.complete = true;
            slot.complete_image = slot.partial_image;
            slot.partial = slot.sealed = false;
            break;
        case agent::FileStep::discard_complete: slot.complete = false; break;
        case agent::FileStep::consume:
            if (!slot.complete) {
                return Fault::io_failed;
            }
            slot.consumed = true;
            slot.consumed_image = slot.complete_image;
            slot.complete = false;
            break;
        case agent::FileStep::discard_consumed: slot.consumed = false; break;
        case agent::FileStep::retract_images:
        case agent::FileStep::retire_images: break;  // guests here share their storage
    }
    world_.ledger.removed(uuid, world_.ledger.end_ordered(host, uuid));
    return Fault::none;
}

void Agents::send_inventory(std::uint32_t host) {
    Process& process = agents_[host];
    if (process.state != LinkState::ready) {
        return;
    }
    Machine& machine = world_.machine(host);
    sim::advance(machine.xen, world_.engine.now_ns);
    auto sent = std::make_shared<HostFactsSent>();
    wire::HostReport& head = sent->head;
    head.sequence = ++process.reports;
    head.net_mbps = machine.xen.config.link_mbps;
    const bool lies = world_.scenario.mutation == Mutation::empty_report && machine.hypervisor_silent > 0;
    head.degraded = machine.hypervisor_silent > 0 && !lies;
    if (world_.scenario.pool.desktops.users > 0) {
        head.store_path = store_directory;
        head.store_proven = process.desktops.store_proven;
        head.store_free_mib = store_free_mib;
    }
    if (!head.degraded) {
        const HostFacts facts = sim::facts(machine.xen);
        head.cpu_count = facts.cpu_count;
        head.memory_kib = facts.memory_kib;
        head.memory_free_kib = facts.memory_free_kib;
        head.can_pv = facts.can_pv;
        head.can_hvm = facts.can_hvm;
        head.can_hap = facts.can_hap;
        head.can_shadow = facts.can_shadow;
        for (const sim::Guest& guest : machine.xen.guests) {
            if (lies) {
                break;
            }
            wire::DomainInfo info = info_of(guest);
            const wire::InFlight known = process.core->in_flight(guest.uuid);
            info.in_flight = known == wire::InFlight::no ? info.in_flight : known;
            info.name = bare(guest.name.view());
            sent->domains.push_back(info);
        }
    }
    for (const auto& [uuid, slot] : machine.saves) {
        if (slot.complete) {
            const sim::NewGuest& guest = slot.complete_image.guest;
            sent->saved.push_back({uuid, guest.name, guest.memory_kib, guest.type, guest.vcpus});
        }
    }
    say(host, std::shared_ptr<const HostFactsSent>{std::move(sent)});
}

void Agents::take_sample(std::uint32_t host) {
    Process& process = agents_[host];
    Machine& machine = world_.machine(host);
    if (process.hypervisor_answered != (machine.hypervisor_silent == 0)) {
        process.hypervisor_answered = machine.hypervisor_silent == 0;
        inventory_changed(host);
    }
    if (machine.hypervisor_silent > 0) {
        return;
    }
    sim::advance(machine.xen, world_.engine.now_ns);
    auto sent = std::make_shared<SampleSent>();
    sent->sequence = ++process.samples;
    sent->taken_unix_ms = world_.host_now(host).wall.unix_ms;
    sent->memory_free_kib = sim::memory_free_kib(machine.xen);
    process.rates.begin(world_.engine.now_ns, machine.xen.nic_rx_bytes.total, machine.xen.nic_tx_bytes.total);
    const auto dom0 = process.rates.domain({.uuid = {}, .cpu_time_ns = machine.xen.dom0_cpu_time_ns.total});
    sent->rates_valid = dom0.has_value();
    sent->dom0_cpu_cores = dom0.value_or(agent::DomainRates{}).cpu_cores;
    for (const sim::Guest& guest : machine.xen.guests) {
        const auto rate = process.rates.domain({.uuid = guest.uuid,
                                                .domid = guest.domid,
                                                .cpu_time_ns = guest.cpu_time_ns.total,
                                                .net_rx_bytes = guest.net_rx_bytes.total,
                                                .net_tx_bytes = guest.net_tx_bytes.total,
                                                .disk_read_bytes = guest.disk_read_bytes.total,
                                                .disk_write_bytes = guest.disk_write_bytes.total});
        wire::DomainSample sample;
        sample.uuid = guest.uuid;
        sample.domid = guest.domid;
        sample.rates_valid = rate.has_value();
        sample.cpu_cores = rate.value_or(agent::DomainRates{}).cpu_cores;
        sample.net_mbps = rate.value_or(agent::DomainRates{}).net_mbps;
        sample.memory_kib = guest.memory_kib;
        sample.state = sim::state_of(guest);
        sent->domains.push_back(sample);
    }
    process.rates.end();
    say(host, std::shared_ptr<const SampleSent>{std::move(sent)});
}

}  // namespace ballast::simulator
