// LONG operations of a simulated host, cut into a beginning, steps and an end.
#include <algorithm>

#include "xen_glue/sim/sim_host.hpp"
#include "xen_glue/sim/transitions.hpp"

namespace ballast::sim {
namespace {

constexpr std::uint64_t kib_per_gib = 1024 * 1024;
constexpr std::uint32_t domid_max = 32751;  // Xen's last ordinary domain id

// Durations at operation speed 1, in the order of what ordinary servers show.
constexpr std::int64_t create_ms = 1200;
constexpr std::int64_t create_ms_per_gib = 300;  // finding and scrubbing memory
constexpr std::int64_t build_ms = 400;
constexpr std::int64_t destroy_ms = 150;
constexpr std::int64_t destroy_ms_per_gib = 80;
constexpr std::int64_t boot_ms = 8000;          // of execution, until the guest tells that it is up
constexpr std::int64_t signal_again_ms = 2000;  // the same after it came here
constexpr std::int64_t power_off_ms = 3000;     // of execution, after the request
constexpr std::int64_t suspend_ack_ms = 60;
constexpr std::int64_t suspend_timeout_ms = 60'000;  // libxl's

// The part of its memory that a guest keeps writing to.
constexpr std::uint64_t working_set_permille = 250;

std::int64_t scaled_ns(const HostConfig& config, std::int64_t ms) noexcept {
    return ms * ns_per_ms / config.operation_speed;
}
std::int64_t with_memory(std::int64_t base_ms, std::int64_t per_gib_ms, std::uint64_t memory_kib) noexcept {
    return base_ms +
           static_cast<std::int64_t>(memory_kib) * per_gib_ms / static_cast<std::int64_t>(kib_per_gib);
}

// Xen hands out ids in order and does not soon give one out again.
std::uint32_t take_domid(SimHost& state) noexcept {
    for (;;) {
        const std::uint32_t domid = state.next_domid;
        state.next_domid = domid == domid_max ? 1 : domid + 1;
        if (find_domid(state, domid) == nullptr) {
            return domid;
        }
    }
}

Result<std::uint32_t> begin_build(SimHost& state, const NewGuest& wanted, const Name& name,
                                  Activity activity) noexcept {
    if (wanted.memory_kib == 0 || wanted.vcpus == 0) {
        return Err{Fault::invalid_argument};
    }
    if (wanted.type == GuestType::unknown || (wanted.type == GuestType::pvh && !state.config.can_hap)) {
        return Err{Fault::unsupported};
    }
    if (find_name(state, name) != nullptr) {
        return Err{Fault::already_exists};
    }
    if (state.guests.full()) {
        return Err{Fault::limit_reached};
    }
    if (wanted.memory_kib + guest_overhead_kib > memory_free_kib(state)) {
        return Err{Fault::no_memory};
    }
    Guest guest;
    guest.uuid = wanted.uuid;
    guest.domid = take_domid(state);
    guest.name = name;
    guest.type = wanted.type;
    guest.memory_kib = wanted.memory_kib;
    guest.vcpus = wanted.vcpus;
    guest.cpu_weight = wanted.cpu_weight;
    guest.cpu_cap_percent = wanted.cpu_cap_percent;
    guest.ours = wanted.ours;
    guest.workload = wanted.workload;
    guest.activity = activity;
    state.guests.push(guest);
    ++state.change_count;
    state.grants_stale = true;
    return guest.domid;
}

// The guest on which a process believes to be working: it may have been destroyed meanwhile, by another.
Guest* under(SimHost& state, std::uint32_t domid, Activity activity) noexcept {
    Guest* guest = find_domid(state, domid);
    return guest != nullptr && guest->activity == activity ? guest : nullptr;
}

Status finish_build(SimHost& state, Guest& guest, std::int64_t signals_after_ms) noexcept {
    guest.signals_at_executed_ns = guest.executed_ns + scaled_ns(state.config, signals_after_ms);
    change(state, guest, [](Guest& g) {
        g.built = true;
        g.activity = Activity::none;
    });
    return {};
}

void remove(SimHost& state, const Guest& guest) noexcept {
    state.guests.remove_ordered(static_cast<std::size_t>(&guest - state.guests.begin()));
    ++state.change_count;
    state.grants_stale = true;
}

bool can_send_live(const HostConfig& config, GuestType type) noexcept {
    return type == GuestType::pv ? config.can_shadow : config.can_hap;
}

std::uint64_t pages_written_in_round(const Guest& guest) noexcept {
    const std::uint64_t pages = guest.memory_kib * 1024 / page_bytes;
    return pages_touched(guest.page_writes.total - guest.writes_at_round_start,
                         pages * working_set_permille / 1000);
}

}  // namespace

std::int64_t create_ns(const HostConfig& config, std::uint64_t memory_kib) noexcept {
    return scaled_ns(config, with_memory(create_ms, create_ms_per_gib, memory_kib));
}
std::int64_t build_ns(const HostConfig& config) noexcept {
    return scaled_ns(config, build_ms);
}
std::int64_t destroy_ns(const HostConfig& config, std::uint64_t memory_kib) noexcept {
    return scaled_ns(config, with_memory(destroy_ms, destroy_ms_per_gib, memory_kib));
}
std::int64_t suspend_ns(const HostConfig& config) noexcept {
    return scaled_ns(config, suspend_ack_ms);
}
std::int64_t suspend_timeout_ns(const HostConfig& config) noexcept {
    return scaled_ns(config, suspend_timeout_ms);
}

Result<std::uint32_t> begin_create(SimHost& state, const NewGuest& guest) noexcept {
    // Xen itself would let two domains share a uuid; ours are known by it.
    if (find_uuid(state, guest.uuid) != nullptr) {
        return Err{Fault::already_exists};
    }
    return begin_build(state, guest, guest.name, Activity::creating);
}

Status finish_create(SimHost& state, std::uint32_t domid) noexcept {
    Guest* guest = under(state, domid, Activity::creating);
    return guest == nullptr ? Status{Err{Fault::hypervisor_failed}} : finish_build(state, *guest, boot_ms);
}

Result<std::uint32_t> begin_receive(SimHost& state, const NewGuest& guest, std::string_view name_suffix,
                                    bool over_link) noexcept {
    if (guest.name.size() + name_suffix.size() > limits::name_bytes_max) {
        return Err{Fault::invalid_argument};
    }
    Name name = guest.name;
    name.append_cut(name_suffix);
    const Result<std::uint32_t> begun = begin_build(state, guest, name, Activity::receiving);
    if (begun.ok()) {
        state.guests[state.guests.size() - 1].over_link = over_link;
    }
    return begun;
}

Status finish_receive(SimHost& state, std::uint32_t domid, const Workload& workload,
                      std::int64_t executed_ns) noexcept {
    Guest* guest = under(state, domid, Activity::receiving);
    if (guest == nullptr) {
        return Err{Fault::hypervisor_failed};
    }
    guest->workload = workload;
    guest->executed_ns = executed_ns;
    return finish_build(state, *guest, signal_again_ms);
}

void cancel_build(SimHost& state, std::uint32_t domid) noexcept {
    const Guest* guest = find_domid(state, domid);
    if (guest != nullptr && !guest->built) {
        remove(state, *guest);
    }
}

Status begin_send(SimHost& state, Guest& guest, MigrationMode mode, bool over_link) noexcept {
    const DomainState was = state_of(guest);
    if (guest.activity != Activity::none) {
        return Err{Fault::domain_in_use};
    }
    if (was != DomainState::running) {
        return Err{was == DomainState::paused ? Fault::guest_paused : Fault::state_conflict};
    }
    const bool can_live = can_send_live(state.config, guest.type);
    if (mode == MigrationMode::live && !can_live) {
        return Err{Fault::live_migration_unavailable};
    }
    const bool live = can_live && mode != MigrationMode::stop_and_copy;
    guest.activity = Activity::sending;
    guest.over_link = over_link;
    guest.precopy = begin_precopy(guest.memory_kib * 1024 / page_bytes, live);
    guest.writes_at_round_start = guest.page_writes.total;
    state.grants_stale = true;
    return {};
}

Status end_send_round(SimHost& state, std::uint32_t domid) noexcept {
    Guest* guest = under(state, domid, Activity::sending);
    if (guest == nullptr || guest->dying) {
        return Err{Fault::hypervisor_failed};
    }
    if (guest->shutdown == ShutdownReason::crash) {
        return Err{Fault::guest_crashed};
    }
    end_live_round(guest->precopy, pages_written_in_round(*guest));
    guest->writes_at_round_start = guest->page_writes.total;
    return {};
}

Status ask_to_suspend(SimHost& state, std::uint32_t domid) noexcept {
    Guest* guest = under(state, domid, Activity::sending);
    if (guest == nullptr || guest->dying) {
        return Err{Fault::hypervisor_failed};
    }
    guest->takes_suspend_at_ns = state.now_ns + suspend_ns(state.config);
    guest->withdrawn_late = false;
    ++state.change_count;  // whoever waits for changes must wait for this one now
    return {};
}

Status suspend_for_send(SimHost& state, std::uint32_t domid) noexcept {
    Guest* guest = under(state, domid, Activity::sending);
    if (guest == nullptr || guest->dying) {
        return Err{Fault::hypervisor_failed};
    }
    if (guest->shutdown == ShutdownReason::none) {
        return Err{Fault::guest_unresponsive};
    }
    if (guest->shutdown != ShutdownReason::suspend) {
        return Err{guest->shutdown == ShutdownReason::crash ? Fault::guest_crashed : Fault::state_conflict};
    }
    // What it wrote while it was being asked is left to send as well.
    Precopy& precopy = guest->precopy;
    precopy.round_pages =
        std::min(precopy.round_pages + pages_written_in_round(*guest), precopy.memory_pages);
    return {};
}

Status finish_send(SimHost& state, std::uint32_t domid) noexcept {
    Guest* guest = under(state, domid, Activity::sending);
    if (guest == nullptr || state_of(*guest) != DomainState::suspended) {
        return Err{Fault::hypervisor_failed};
    }
    guest->activity = Activity::none;
    state.grants_stale = true;
    return {};
}

std::uint64_t transfer_bytes_per_s(const SimHost& state, bool over_link) noexcept {
    // Only senders share the link: what comes in uses its other direction, at the other host's pace.
    std::uint64_t sharing = 0;
    for (const Guest& guest : state.guests) {
        const bool counts =
            guest.activity == Activity::sending || (guest.activity == Activity::receiving && !over_link);
        sharing += counts && guest.over_link == over_link ? 1 : 0;
    }
    const std::uint64_t mbps = over_link ? state.config.link_mbps : state.config.disk_mbps;
    return mbps * 125'000 * state.config.operation_speed / std::max<std::uint64_t>(sharing, 1);
}

void note_link_bytes(SimHost& state, std::uint64_t sent_bytes, std::uint64_t received_bytes) noexcept {
    state.nic_tx_bytes.total += sent_bytes;
    state.nic_rx_bytes.total += received_bytes;
}

Status begin_shutdown(SimHost& state, Guest& guest) noexcept {
    if (guest.activity != Activity::none) {
        return Err{Fault::domain_in_use};
    }
    switch (state_of(guest)) {
        case DomainState::running: break;
        case DomainState::paused: break;  // it will not hear: the caller's time runs out, as on Xen
        case DomainState::powered_off: break;
        case DomainState::crashed: return Err{Fault::guest_crashed};
        case DomainState::unknown:
        case DomainState::suspended:
        case DomainState::rebooting:
        case DomainState::dying:
        case DomainState::absent: return Err{Fault::state_conflict};
    }
    guest.activity = Activity::shutting_down;
    if (executing(guest) && !guest.workload.unresponsive && guest.poweroff_at_executed_ns == 0) {
        guest.poweroff_at_executed_ns = guest.executed_ns + scaled_ns(state.config, power_off_ms);
        ++state.change_count;  // whoever waits for changes must wait for this one now
    }
    return {};
}

Status begin_destroy(SimHost& state, Guest& guest) noexcept {
    if (guest.activity == Activity::destroying) {
        return Err{Fault::domain_in_use};
    }
    // Xen asks nobody: whatever another process is doing with this domain fails.
    change(state, guest, [](Guest& g) {
        g.dying = true;
        g.name.clear();
        g.activity = Activity::destroying;
    });
    return {};
}

Status finish_destroy(SimHost& state, std::uint32_t domid) noexcept {
    const Guest* guest = under(state, domid, Activity::destroying);
    if (guest == nullptr) {
        return Err{Fault::hypervisor_failed};
    }
    remove(state, *guest);
    return {};
}

void abandon(SimHost& state, Guest& guest) noexcept {
    guest.activity = Activity::none;
    guest.precopy = Precopy{};
    ++state.change_count;
    state.grants_stale = true;
}

}  // namespace ballast::sim
