#include "xen_glue/sim/sim_host.hpp"

#include <algorithm>

#include "xen_glue/sim/cpu_share.hpp"
#include "xen_glue/sim/transitions.hpp"

namespace ballast::sim {

DomainState state_of(const Guest& guest) noexcept {
    if (guest.dying) {
        return DomainState::dying;
    }
    switch (guest.shutdown) {
        case ShutdownReason::poweroff: return DomainState::powered_off;
        case ShutdownReason::reboot: return DomainState::rebooting;
        case ShutdownReason::suspend: return DomainState::suspended;
        case ShutdownReason::crash: return DomainState::crashed;
        case ShutdownReason::none: break;
    }
    return guest.pause_count > 0 ? DomainState::paused : DomainState::running;
}

bool executing(const Guest& guest) noexcept {
    return guest.built && state_of(guest) == DomainState::running;
}

std::uint64_t memory_free_kib(const SimHost& state) noexcept {
    std::uint64_t used_kib = hypervisor_memory_kib + state.config.dom0_memory_kib;
    for (const Guest& guest : state.guests) {
        used_kib += guest.memory_kib + guest_overhead_kib;
    }
    return state.config.memory_kib - std::min(used_kib, state.config.memory_kib);
}

HostFacts facts(const SimHost& state) noexcept {
    HostFacts out;
    out.cpu_count = state.config.cpus;
    out.memory_kib = state.config.memory_kib;
    out.memory_free_kib = memory_free_kib(state);
    out.can_pv = true;
    out.can_hvm = true;
    out.can_hap = state.config.can_hap;
    out.can_shadow = state.config.can_shadow;
    out.hypervisor_version = "4.17.5";
    out.hypervisor_kind = "sim";
    return out;
}

Domain describe(const Guest& guest) noexcept {
    Domain out;
    out.uuid = guest.uuid;
    out.domid = guest.domid;
    out.name = guest.name;
    out.type = guest.type;
    out.state = state_of(guest);
    out.memory_kib = guest.memory_kib;
    out.memory_max_kib = guest.memory_kib;
    out.vcpus = guest.vcpus;
    out.cpu_time_ns = guest.cpu_time_ns.total;
    out.ours = guest.ours;
    return out;
}

Domain describe_dom0(const SimHost& state) noexcept {
    Domain out;
    out.name = "Domain-0";
    out.type = GuestType::pv;
    out.state = DomainState::running;
    out.memory_kib = state.config.dom0_memory_kib;
    out.vcpus = std::min<std::uint32_t>(state.config.cpus, limits::vcpus_per_domain_max);
    out.cpu_time_ns = state.dom0_cpu_time_ns.total;
    return out;
}

void count(const SimHost& state, HostCounters& out) noexcept {
    out.facts = facts(state);
    out.nic_rx_bytes = state.nic_rx_bytes.total;
    out.nic_tx_bytes = state.nic_tx_bytes.total;
    out.domains.clear();
    const auto add = [&out](const Domain& domain) -> DomainCounters& {
        DomainCounters& counters = out.domains.push(DomainCounters{});
        counters.domain = domain;
        // The scheduler spreads a domain's time evenly over its vCPUs.
        for (std::uint32_t i = 0; i < domain.vcpus && !counters.vcpu_time_ns.full(); ++i) {
            counters.vcpu_time_ns.push(domain.cpu_time_ns / domain.vcpus);
        }
        return counters;
    };
    add(describe_dom0(state));
    for (const Guest& guest : state.guests) {
        DomainCounters& counters = add(describe(guest));
        counters.net_rx_bytes = guest.net_rx_bytes.total;
        counters.net_tx_bytes = guest.net_tx_bytes.total;
        counters.disk_read_bytes = guest.disk_read_bytes.total;
        counters.disk_write_bytes = guest.disk_write_bytes.total;
    }
}

Guest* find_domid(SimHost& state, std::uint32_t domid) noexcept {
    for (Guest& guest : state.guests) {
        if (guest.domid == domid) {
            return &guest;
        }
    }
    return nullptr;
}

const Guest* find_uuid(const SimHost& state, const Uuid& uuid) noexcept {
    const Guest* second_choice = nullptr;
    for (const Guest& guest : state.guests) {
        if (guest.uuid != uuid) {
            continue;
        }
        const std::string_view name = guest.name;
        if (!guest.dying && !name.ends_with(incoming_suffix) && !name.ends_with(migrated_away_suffix)) {
            return &guest;
        }
        second_choice = &guest;
    }
    return second_choice;
}

const Guest* find_name(const SimHost& state, std::string_view name) noexcept {
    for (const Guest& guest : state.guests) {
        if (guest.name == name) {
            return &guest;
        }
    }
    return nullptr;
}

bool signals_up(const Guest& guest) noexcept {
    return guest.built && guest.executed_ns >= guest.signals_at_executed_ns;
}

Status pause(SimHost& state, Guest& guest) noexcept {
    const DomainState was = state_of(guest);
    if (was == DomainState::paused) {
        return {};
    }
    if (was != DomainState::running) {
        return Err{Fault::state_conflict};
    }
    change(state, guest, [](Guest& g) { g.pause_count = 1; });
    return {};
}

Status unpause(SimHost& state, Guest& guest) noexcept {
    const DomainState was = state_of(guest);
    if (was == DomainState::running) {
        return {};
    }
    if (was != DomainState::paused) {
        return Err{Fault::state_conflict};
    }
    if (!guest.built) {
        return Err{guest.activity == Activity::none ? Fault::hypervisor_failed : Fault::domain_in_use};
    }
    change(state, guest, [](Guest& g) { --g.pause_count; });
    return {};
}

Status resume_suspended(SimHost& state, Guest& guest, bool if_withdrawn) noexcept {
    if (state_of(guest) != DomainState::suspended || (if_withdrawn && !guest.withdrawn_late)) {
        return Err{Fault::state_conflict};
    }
    if (guest.activity != Activity::none) {
        return Err{Fault::domain_in_use};
    }
    change(state, guest, [](Guest& g) { g.shutdown = ShutdownReason::none; });
    return {};
}

Status withdraw_suspend(SimHost& state, Guest& guest) noexcept {
    if (guest.suspends_at_ns > 0 || state_of(guest) == DomainState::suspended) {
        guest.withdrawn_late = true;
        return Err{Fault::state_conflict};
    }
    guest.takes_suspend_at_ns = 0;
    ++state.change_count;
    return {};
}

Status rename(SimHost& state, Guest& guest, std::string_view old_name, std::string_view new_name) noexcept {
    if (new_name.size() > limits::name_bytes_max || !valid_name(new_name)) {
        return Err{Fault::invalid_argument};
    }
    if (guest.name != old_name || guest.dying) {
        return Err{Fault::state_conflict};
    }
    const Guest* holder = find_name(state, new_name);
    if (holder != nullptr && holder != &guest) {
        return Err{Fault::already_exists};
    }
    change(state, guest, [new_name](Guest& g) { g.name = new_name; });
    return {};
}

namespace {

// A guest that does not execute does nothing by itself.
void end_execution(SimHost& state, Guest& guest, ShutdownReason reason) noexcept {
    if (executing(guest)) {
        change(state, guest, [reason](Guest& g) { g.shutdown = reason; });
    }
}

}  // namespace

void crash(SimHost& state, Guest& guest) noexcept {
    end_execution(state, guest, ShutdownReason::crash);
}
void reboot(SimHost& state, Guest& guest) noexcept {
    end_execution(state, guest, ShutdownReason::reboot);
}
void power_off(SimHost& state, Guest& guest) noexcept {
    end_execution(state, guest, ShutdownReason::poweroff);
}

void pause_counted(SimHost& state, Guest& guest) noexcept {
    change(state, guest, [](Guest& g) { ++g.pause_count; });
}

}  // namespace ballast::sim
