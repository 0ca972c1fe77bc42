#include "agent/host_view.hpp"

#include <dirent.h>
#include <sys/stat.h>

#include <algorithm>
#include <charconv>

#define XXH_INLINE_ALL
#include <fmt/core.h>
#include <xxhash.h>

#include "shell/durable_file.hpp"
#include "shell/log.hpp"
#include "shell/loop.hpp"

namespace ballast::agent {
namespace {

std::string_view without_suffix(std::string_view name) noexcept {
    for (const std::string_view suffix : {incoming_suffix, migrated_away_suffix}) {
        if (name.ends_with(suffix)) {
            return name.substr(0, name.size() - suffix.size());
        }
    }
    return name;
}

// Megabits per second of the fastest physical card; 0 when the kernel does not know.
std::uint32_t uplink_mbps() {
    const std::unique_ptr<DIR, int (*)(DIR*)> cards{::opendir("/sys/class/net"), ::closedir};
    std::uint32_t fastest = 0;
    while (const dirent* entry = cards ? ::readdir(cards.get()) : nullptr) {
        const std::string card = fmt::format("/sys/class/net/{}", entry->d_name);
        std::string text;
        std::string why;
        // A card with a device behind it, and not a guest's vif (whose device is on the xen bus).
        if (!read_bounded(card + "/device/uevent", 4096, text, why).ok() ||
            std::string_view{entry->d_name}.starts_with("vif") ||
            !read_bounded(card + "/speed", 64, text, why).ok()) {
            continue;
        }
        std::uint32_t mbps = 0;  // "-1" without a link: no number for us
        if (std::from_chars(text.data(), text.data() + text.size(), mbps).ec == std::errc{}) {
            fastest = std::max(fastest, mbps);
        }
    }
    return fastest;
}

// Two inventories with the same mark are the same, as far as anybody is told of them.
std::uint64_t mark_of(const HostCounters& counters, std::uint64_t save_files_mark) {
    std::uint64_t mark = save_files_mark;
    for (const DomainCounters& one : counters.domains) {
        const Domain& domain = one.domain;
        const std::string_view name = domain.name.view();
        // Not its memory, which balloons at will and is part of every sample.
        const std::uint64_t facts[] = {domain.domid, static_cast<std::uint64_t>(domain.state), domain.vcpus,
                                       XXH3_64bits(name.data(), name.size())};
        mark = XXH3_64bits_withSeed(domain.uuid.bytes.data(), domain.uuid.bytes.size(), mark);
        mark = XXH3_64bits_withSeed(facts, sizeof facts, mark);
    }
    return mark;
}

Detail last_words(const Hypervisor& hypervisor) {
    std::string_view said = hypervisor.last_error();
    while (!said.empty() && (said.back() == '\n' || said.back() == ' ')) {
        said.remove_suffix(1);
    }
    const std::size_t max = Detail::capacity();
    return said.size() > max ? said.substr(said.size() - max) : said;
}

}  // namespace

struct HostView::Scratch {
    HostCounters counters;
    DomainList domains;
    Rates rates;
};

HostView::HostView(Hypervisor& hypervisor, const SaveFiles& files, const StoreState& store,
                   std::uint32_t net_mbps)
    : hypervisor_{hypervisor},
      files_{files},
      store_{store},
      net_mbps_{net_mbps},
      scratch_{std::make_unique<Scratch>()} {}
HostView::~HostView() = default;

wire::DomainInfo HostView::describe(const Domain& domain) const {
    wire::DomainInfo info;
    info.uuid = domain.uuid;
    info.domid = domain.domid;
    info.name = domain.name;
    info.type = domain.type;
    info.state = domain.state;
    info.memory_kib = domain.memory_kib;
    info.vcpus = domain.vcpus;
    info.ours = domain.ours;
    info.in_flight = domain.name.view().ends_with(incoming_suffix)        ? wire::InFlight::incoming
                     : domain.name.view().ends_with(migrated_away_suffix) ? wire::InFlight::departing
                                                                          : wire::InFlight::no;
    return info;
}

void HostView::look(const Core& core, std::uint32_t row, bool with_survey, Truth& out) {
    const JobRecord& record = core.record(row);
    out = {};
    out.store_proven = store_.proven;
    Domain domain;
    const Status found = hypervisor_.find(record.uuid, domain);
    if (found.ok()) {
        out.domain = describe(domain);
    } else if (found.fault() == Fault::not_found) {
        out.domain.uuid = record.uuid;
        out.domain.name = record.name;
        out.domain.state = DomainState::absent;
    } else {
        out.fault = found.fault();
        return;
    }
    SaveState saved;
    if (const Status looked = files_.look(record.uuid, saved); !looked.ok()) {
        out.fault = looked.fault();
        return;
    }
    out.file_partial = saved.partial;
    out.file_complete = saved.complete;
    out.file_consumed = saved.consumed;
    out.saved_memory_kib = saved.guest.memory_kib;
    out.disk_free_bytes = saved.disk_free_bytes;
    if (with_survey) {
        survey(core, record, out);
    }
    const bool on_disks = record.copy_storage || record.kind == JobKind::image_index;
    if (with_survey && on_disks && found.ok() && record.kind != JobKind::migrate_in) {
        look_at_disks(domain, out);
    }
}

void HostView::look_at_disks(const Domain& domain, Truth& out) {
    DiskList disks;
    out.disks_fault = hypervisor_.disks(domain, disks).fault();
    for (const DiskSpec& disk : disks) {
        struct stat status {};
        const std::string path{disk.target.view()};
        const bool is_file = ::lstat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode);
        out.disks.push({.device = disk.device,
                        .path = disk.target,
                        .raw = disk.format != DiskSpec::Format::qcow2,
                        .writable = disk.writable,
                        .size_bytes = is_file ? static_cast<std::uint64_t>(status.st_size) : 0});
    }
}

void HostView::survey(const Core& core, const JobRecord& record, Truth& out) {
    HostFacts facts;
    DomainList& domains = scratch_->domains;
    domains.clear();
    Status status = hypervisor_.host_facts(facts);
    status = status.ok() ? hypervisor_.list(domains) : status;
    if (!status.ok()) {
        out.fault = status.fault();
        return;
    }
    out.memory_free_kib = facts.memory_free_kib;
    out.can_pv = facts.can_pv;
    out.can_hvm = facts.can_hvm;
    out.can_hap = facts.can_hap;
    out.can_shadow = facts.can_shadow;
    for (const Domain& domain : domains) {
        out.memory_taken_kib += core.taken_kib(domain.uuid, domain.memory_kib);
    }
    out.name_taken = std::any_of(domains.begin(), domains.end(), [&record](const Domain& domain) {
        return domain.uuid != record.uuid && without_suffix(domain.name) == record.name.view();
    });
}

Fault HostView::call(Call what, const JobRecord& record, Detail& detail) {
    Domain domain;
    Status status = hypervisor_.find(record.uuid, domain);
    if (status.ok()) {
        switch (what) {
            case Call::pause: status = hypervisor_.pause(domain); break;
            case Call::unpause: status = hypervisor_.unpause(domain); break;
            case Call::resume: status = hypervisor_.resume_suspended(domain); break;
            case Call::resume_late:
                log_notice("job {}: {} has suspended itself after its end", record.job_id, record.name);
                status = hypervisor_.resume_suspended(domain, true);
                break;
            case Call::withdraw_suspend: status = hypervisor_.withdraw_suspend(domain); break;
            case Call::rename_away:
                status =
                    hypervisor_.rename(domain, fmt::format("{}{}", record.name.view(), migrated_away_suffix));
                break;
            case Call::rename_back:
            case Call::rename_final:
                status = domain.name == record.name ? Status{} : hypervisor_.rename(domain, record.name);
                break;
        }
    }
    if (!status.ok()) {
        detail = last_words(hypervisor_);
    }
    return status.fault();
}

bool HostView::is_here(const Uuid& guest) {
    Domain domain;
    SaveState saved;
    return !files_.look(guest, saved).ok() || saved.complete ||
           hypervisor_.find(guest, domain).fault() != Fault::not_found;
}

void HostView::add_console(wire::DomainInfo& info) {
    if (info.state != DomainState::running && info.state != DomainState::paused) {
        return;
    }
    Domain domain;
    domain.uuid = info.uuid;
    domain.domid = info.domid;
    domain.name = info.name;
    domain.type = info.type;
    ConsoleEndpoint console;
    if (hypervisor_.console(domain, console).ok() && console.protocol != ConsoleEndpoint::Protocol::none) {
        info.console_port = console.port;
        info.console_address = console.listen_address;
    }
}

Fault HostView::find_console(const Uuid& guest, GuestConsole& out, Detail& why) {
    Domain domain;
    ConsoleEndpoint console;
    Status status = hypervisor_.find(guest, domain);
    if (status.ok()) {
        status = hypervisor_.console(domain, console);
    }
    if (!status.ok()) {
        why = status.fault() == Fault::not_found ? Detail{"the guest is not on this host"}
                                                 : last_words(hypervisor_);
        return status.fault();
    }
    if (console.protocol == ConsoleEndpoint::Protocol::none) {
        why = "the guest has no VNC console";
        return Fault::unsupported;
    }
    const std::string_view address = console.listen_address;
    out.address = address.empty() || address == "0.0.0.0" ? "127.0.0.1" : address == "::" ? "::1" : address;
    out.port = console.port;
    out.password = console.password;
    return Fault::none;
}

void HostView::report(const Core& core, wire::HostReport& out) {
    out = {};
    out.sequence = ++reports_;
    out.store_path = store_.directory;
    out.store_proven = store_.proven;
    out.store_free_mib = store_.free_bytes >> 20;
    out.net_mbps = net_mbps_ != 0 ? net_mbps_ : uplink_mbps();
    HostFacts facts;
    DomainList& domains = scratch_->domains;
    domains.clear();
    out.degraded = !hypervisor_.host_facts(facts).ok() || !hypervisor_.list(domains).ok();
    out.cpu_count = facts.cpu_count;
    out.memory_kib = facts.memory_kib;
    out.memory_free_kib = facts.memory_free_kib;
    out.can_pv = facts.can_pv;
    out.can_hvm = facts.can_hvm;
    out.can_hap = facts.can_hap;
    out.can_shadow = facts.can_shadow;
    out.hypervisor_version = facts.hypervisor_version;
    out.hypervisor_kind = facts.hypervisor_kind;
    for (const Domain& domain : domains) {
        if (domain.domid == 0) {
            continue;
        }
        wire::DomainInfo info = describe(domain);
        const wire::InFlight journal = core.in_flight(domain.uuid);
        info.in_flight = journal == wire::InFlight::no ? info.in_flight : journal;
        info.name = without_suffix(domain.name);
        add_console(info);
        (void)out.domains.try_push(info);
    }
    if (std::string why; !files_.list(out.saved, why).ok()) {
        log_warning("not all save files are told of: {}", why);
        out.degraded = true;
    }
    told_all_ = !out.degraded;
}

bool HostView::sample(wire::SampleReport& out) {
    HostCounters& counters = scratch_->counters;
    counters.domains.clear();
    if (!hypervisor_.sample(counters).ok()) {
        return false;
    }
    Rates& rates = scratch_->rates;
    rates.begin(counters.taken_mono_ns, counters.nic_rx_bytes, counters.nic_tx_bytes);
    out.sequence = ++samples_;
    out.taken_unix_ms = wall_now().unix_ms;
    out.interval_ms = rates.interval_ms();
    out.memory_free_kib = counters.facts.memory_free_kib;
    out.net_mbps = rates.nic_mbps().value_or(0);
    out.rates_valid = false;
    out.dom0_cpu_cores = 0;
    out.domains.clear();
    for (const DomainCounters& one : counters.domains) {
        const std::optional<DomainRates> rate = rates.domain({.uuid = one.domain.uuid,
                                                              .domid = one.domain.domid,
                                                              .cpu_time_ns = one.domain.cpu_time_ns,
                                                              .net_rx_bytes = one.net_rx_bytes,
                                                              .net_tx_bytes = one.net_tx_bytes,
                                                              .disk_read_bytes = one.disk_read_bytes,
                                                              .disk_write_bytes = one.disk_write_bytes});
        if (one.domain.domid == 0) {
            out.rates_valid = rate.has_value();
            out.dom0_cpu_cores = rate.value_or(DomainRates{}).cpu_cores;
            continue;
        }
        wire::DomainSample sample;
        sample.uuid = one.domain.uuid;
        sample.domid = one.domain.domid;
        sample.cpu_time_ns = one.domain.cpu_time_ns;
        sample.net_rx_bytes = one.net_rx_bytes;
        sample.net_tx_bytes = one.net_tx_bytes;
        sample.disk_read_bytes = one.disk_read_bytes;
        sample.disk_write_bytes = one.disk_write_bytes;
        sample.rates_valid = rate.has_value();
        sample.cpu_cores = rate.value_or(DomainRates{}).cpu_cores;
        sample.net_mbps = rate.value_or(DomainRates{}).net_mbps;
        sample.disk_mbps = rate.value_or(DomainRates{}).disk_mbps;
        sample.memory_kib = one.domain.memory_kib;
        sample.state = one.domain.state;
        (void)out.domains.try_push(sample);
    }
    rates.end();
    const std::uint64_t mark = mark_of(counters, files_.mark());
    inventory_differs_ = !told_all_ || (inventory_mark_ != 0 && mark != inventory_mark_);
    inventory_mark_ = mark;
    return true;
}

}  // namespace ballast::agent
