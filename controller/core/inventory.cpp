// What hosts report: the guests that are there, and what they use.
#include <algorithm>

#include "controller/core/step.hpp"

namespace ballast::controller {
namespace {

constexpr std::uint64_t mib(std::uint64_t kib) noexcept {
    return kib / 1024;
}
constexpr std::uint64_t mib_up(std::uint64_t kib) noexcept {
    return kib / 1024 + (kib % 1024 != 0 ? 1 : 0);
}

// While a guest moves, its name carries a suffix that is not part of it.
std::string_view bare_name(std::string_view name) noexcept {
    for (const std::string_view suffix :
         {std::string_view{"--incoming"}, std::string_view{"--migratedaway"}}) {
        if (name.ends_with(suffix)) {
            return name.substr(0, name.size() - suffix.size());
        }
    }
    return name;
}

void see(Step& step, std::uint32_t host, const Uuid& uuid, std::string_view name, GuestType type, bool ours,
         const Sighting& sighting) noexcept {
    const std::uint32_t row = vm_row(step, uuid, bare_name(name));
    if (row == no_row) {
        return;
    }
    VmRow& vm = step.t.vms[row];
    // A copy that comes in may be gone in a moment, and the guest be with a host not yet heard of; where one
    // has left, it may be with one that is not connected.
    vm.unconfirmed = sighting.in_flight == wire::InFlight::departing ||
                     (vm.unconfirmed && sighting.in_flight == wire::InFlight::incoming);
    vm.type = type == GuestType::unknown ? vm.type : type;
    vm.record.ours = vm.record.ours || ours;
    if (!name.empty() && sighting.in_flight == wire::InFlight::no) {
        vm.record.name = Name{bare_name(name)};
    }
    if (Sighting* known = sighting_at(vm, host)) {
        // Another domain in its place: it was rebooted, or taken from disk.
        const bool anew = known->domid != 0 && sighting.domid != 0 && known->domid != sighting.domid;
        set_sighting(*known, sighting);
        if (anew) {
            note_started(step, row);
        }
        return;
    }
    if (add_sighting(step.t, row, sighting) == nullptr) {
        // More hosts claim it than a moving guest can be on. The oldest claim of a silent host gives way.
        const auto silent =
            std::find_if(vm.sightings.begin(), vm.sightings.end(),
                         [&](const Sighting& claim) { return !host_live(step.t, claim.host); });
        if (silent != vm.sightings.end()) {
            const std::uint32_t its_host = silent->host;
            drop_sighting(step.t, row, its_host);
            add_sighting(step.t, row, sighting);
            vm.unconfirmed = true;  // it may have told the truth
        }
    }
}

void take_facts(HostRow& host, const wire::HostReport& report) noexcept {
    host.report_sequence = report.sequence;
    host.cpu_count = report.cpu_count;
    host.memory_mib = mib(report.memory_kib);
    host.memory_free_mib = mib(report.memory_free_kib);
    host.can_pv = report.can_pv;
    host.can_hvm = report.can_hvm;
    host.can_hap = report.can_hap;
    host.can_shadow = report.can_shadow;
    host.hypervisor_version = report.hypervisor_version;
    host.hypervisor_kind = report.hypervisor_kind;
    host.net_mbps = report.net_mbps;
    host.store_path = report.store_path;
    host.store_proven = report.store_proven;
    host.store_free_mib = report.store_free_mib;
    host.degraded = report.cpu_count == 0;
    host.inventory_known = true;
}

// Memory that is neither free nor a listed guest's: dom0, the hypervisor, page tables. While a guest is
// coming in, its claimed memory is not free and not yet its own, so the figure from before is kept.
void take_overhead(HostRow& host, const wire::HostReport& report) noexcept {
    std::uint64_t guests_kib = 0;
    for (const wire::DomainInfo& domain : report.domains) {
        if (domain.in_flight == wire::InFlight::incoming && host.memory_overhead_mib != 0) {
            return;
        }
        guests_kib += domain.memory_kib;
    }
    const std::uint64_t known_kib = report.memory_free_kib + guests_kib;
    host.memory_overhead_mib = report.memory_kib > known_kib ? mib_up(report.memory_kib - known_kib) : 0;
}

bool acceptable(const wire::HostReport& report) noexcept {
    // A pebibyte: keeps sums far from wrapping, and mebibytes in 32 bits.
    const std::uint64_t most_kib = std::uint64_t{1} << 40;
    if (report.memory_kib > most_kib || report.memory_free_kib > most_kib) {
        return false;
    }
    for (const wire::DomainInfo& domain : report.domains) {
        if (domain.uuid.nil() || domain.memory_kib > most_kib) {
            return false;
        }
    }
    return std::all_of(report.saved.begin(), report.saved.end(), [most_kib](const wire::SavedGuest& saved) {
        return !saved.uuid.nil() && saved.memory_kib <= most_kib;
    });
}

bool acceptable(const wire::DomainSample& sample) noexcept {
    return sample.cpu_cores >= 0 && sample.cpu_cores <= 4096 && sample.net_mbps >= 0 && sample.disk_mbps >= 0;
}

void take_sample(Step& step, std::uint32_t host, const wire::DomainSample& sample) noexcept {
    const std::uint32_t row = step.t.vm_index.find(sample.uuid);
    // During a move both hosts may sample the guest; the one where it executes counts.
    if (row == no_row || step.t.vms[row].host != host) {
        ++step.t.counters.samples_ignored;
        return;
    }
    VmRow& vm = step.t.vms[row];
    if (sample.rates_valid) {
        vm.cpu_cores.push(sample.cpu_cores);
        vm.net_mbps.push(sample.net_mbps);
        vm.disk_mbps.push(sample.disk_mbps);
    }
    vm.memory_used_mib.push(static_cast<double>(mib(sample.memory_kib)));
}

// Of each guest, what this host has of it: running, in flight, saved, or nothing any more.
void sight_guests(Step& step, std::uint32_t host, const wire::HostReport& report) noexcept {
    each_guest_seen(step.t, host, [&](std::uint32_t vm) {
        Sighting& old = *sighting_at(step.t.vms[vm], host);
        old.state = DomainState::absent;  // until the report says otherwise
        old.saved = false;
    });
    for (const wire::SavedGuest& saved : report.saved) {
        see(step, host, saved.uuid, saved.name, saved.type, false,
            {.host = host,
             .saved = true,
             .state = DomainState::absent,
             .memory_mib = static_cast<std::uint32_t>(mib_up(saved.memory_kib)),
             .vcpus = saved.vcpus});
    }
    for (const wire::DomainInfo& domain : report.domains) {
        see(step, host, domain.uuid, domain.name, domain.type, domain.ours,
            {.host = host,
             .in_flight = domain.in_flight,
             .state = domain.state,
             .domid = domain.domid,
             .memory_mib = static_cast<std::uint32_t>(mib_up(domain.memory_kib)),
             .vcpus = domain.vcpus,
             .console_address = domain.console_address,
             .console_port = domain.console_port});
    }
}

}  // namespace

Status on_host_report(Step& step, std::uint32_t host, const wire::HostReport& report) noexcept {
    HostRow& row = step.t.hosts[host];
    if (!acceptable(report)) {
        return Err{Fault::protocol_violation};
    }
    if (row.inventory_known && report.sequence <= row.report_sequence) {
        return {};  // an older truth
    }
    ++step.t.counters.host_reports;
    if (report.degraded) {
        // Its lists are what the agent could get, perhaps nothing: a guest that is not in them may run all
        // the same, and to call it inactive would allow a second copy to be started.
        row.report_sequence = report.sequence;
        row.degraded = true;
        refresh_host(step, host);
        return {};
    }
    const bool first = !row.inventory_known;
    step.t.rooms_hold = false;
    take_facts(row, report);
    take_overhead(row, report);
    sight_guests(step, host, report);
    each_guest_seen(step.t, host, [&](std::uint32_t vm) {
        const Sighting& sighting = *sighting_at(step.t.vms[vm], host);
        if (sighting.state == DomainState::absent && !sighting.saved) {
            drop_sighting(step.t, vm, host);
        }
        const VmRow& seen = step.t.vms[vm];
        const bool was_nowhere = seen.host == no_row;
        refresh_vm(step, vm);
        // What a host that has just been connected shows may run for days.
        if (!first && was_nowhere && seen.host == host && seen.state == VmState::running) {
            note_started(step, vm);
        }
    });
    refresh_host(step, host);
    if (first) {
        step.report(Severity::info, Subject::host, "host_inventory", row.record.name, 0,
                    compose(report.domains.size(), " guests, ", report.saved.size(), " saved, ",
                            row.cpu_count, " cores, ", row.memory_mib, " MiB"));
    }
    return {};
}

namespace {

// How much a counter has grown; one that is smaller than before began anew with its process.
constexpr std::uint64_t growth(std::uint64_t before, std::uint64_t after) noexcept {
    return after >= before ? after - before : after;
}

void take_figures(AgentCounters& sum, wire::AgentFigures& known, const wire::AgentFigures& told) noexcept {
    // Of a process that is younger everything is new, whatever its counters have reached.
    const bool anew = told.cpu_ms < known.cpu_ms;
    const wire::AgentFigures before = anew ? wire::AgentFigures{} : known;
    for (const wire::CallFigures& now : told.calls) {
        if (now.call < sum.calls.size()) {
            wire::CallFigures then;
            for (const wire::CallFigures& one : before.calls) {
                then = one.call == now.call ? one : then;
            }
            AgentCounters::Calls& calls = sum.calls[now.call];
            calls.count += growth(then.count, now.count);
            calls.errors += growth(then.errors, now.errors);
            calls.total_us += growth(then.total_us, now.total_us);
        }
    }
    sum.console_to_client_bytes += growth(before.console_to_client_bytes, told.console_to_client_bytes);
    sum.console_from_client_bytes += growth(before.console_from_client_bytes, told.console_from_client_bytes);
    known = told;
}

}  // namespace

Status on_sample_report(Step& step, std::uint32_t host, const wire::SampleReport& report) noexcept {
    HostRow& row = step.t.hosts[host];
    const bool fine = report.dom0_cpu_cores >= 0 && report.dom0_cpu_cores <= 4096 && report.net_mbps >= 0 &&
                      std::all_of(report.domains.begin(), report.domains.end(),
                                  [](const wire::DomainSample& sample) { return acceptable(sample); });
    if (!fine) {
        return Err{Fault::protocol_violation};
    }
    if (row.samples > 0 && report.sequence <= row.sample_sequence) {
        ++step.t.counters.samples_ignored;
        return {};
    }
    ++step.t.counters.samples;
    ++row.samples;
    row.sample_sequence = report.sequence;
    row.last_sample = step.now.mono;
    row.last_sample_taken = {report.taken_unix_ms};
    row.memory_free_mib = mib(report.memory_free_kib);
    if (report.has_agent) {
        take_figures(step.t.counters.agents, row.agent, report.agent);
    }
    if (report.rates_valid) {
        row.dom0_cpu_cores.push(report.dom0_cpu_cores);
        row.net_mbps_used.push(report.net_mbps);
    }
    for (const wire::DomainSample& sample : report.domains) {
        take_sample(step, host, sample);
    }
    refresh_host(step, host);
    return {};
}

}  // namespace ballast::controller
