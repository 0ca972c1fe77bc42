#include "controller/http/render.hpp"

namespace ballast::controller::http {

bool can_live_migrate(const HostRow& host, GuestType type) noexcept {
    switch (type) {
        case GuestType::pv: return host.can_shadow;
        case GuestType::pvh:
        case GuestType::hvm: return host.can_hap;
        case GuestType::unknown: break;
    }
    return false;
}

void render_host(JsonOut& json, const Core& core, std::uint32_t index) {
    const HostRow& host = core.host(index);
    const policy::HostLoad load = core.host_load(index);
    json.object();
    json.member("name", host.record.name.view());
    json.member("uuid", host.record.uuid);
    const SiteMap& sites = core.settings().sites;
    json.member("site", site_name(sites, site_of(sites, host.record.name)));
    json.member("state", to_string(host.state));
    json.member("state_reason", host.state_reason.view());
    json.member("since", host.since);
    json.member("connected", host.link != 0);
    json.member("cordoned", host.record.cordoned);
    json.member("draining", host.record.draining);
    json.member("degraded", host.degraded);
    json.member("first_seen_at", host.record.first_seen);
    json.member("last_sample_at", host.last_sample_taken);
    json.member("cpu_cores", host.cpu_count);
    json.member("cpu", load.cpu);
    json.member("memory_mib", host.memory_mib);
    json.member("memory_used_mib", core.host_memory_used_mib(index));
    json.member("memory_reserved_mib", core.host_memory_reserved_mib(index));
    json.member("memory_free_mib", host.memory_free_mib);
    json.member("memory", load.memory);
    json.member("net_mbps", host.net_mbps);
    json.member("net", load.net);
    json.member("vms", host.guests);
    json.member("migrations_in", host.migrations_in);
    json.member("migrations_out", host.migrations_out);
    json.member("open_jobs", host.open_jobs);
    json.key("capabilities");
    json.object();
    json.member("pv", host.can_pv);
    json.member("hvm", host.can_hvm);
    json.member("hap", host.can_hap);
    json.member("shadow", host.can_shadow);
    json.member("can_live_migrate_pv", can_live_migrate(host, GuestType::pv));
    json.member("can_live_migrate_pvh", can_live_migrate(host, GuestType::pvh));
    json.member("can_live_migrate_hvm", can_live_migrate(host, GuestType::hvm));
    json.end_object();
    json.key("hypervisor");
    json.object();
    json.member("kind", host.hypervisor_kind.view());
    json.member("version", host.hypervisor_version.view());
    json.end_object();
    json.key("agent");
    json.object();
    json.member("software", host.software.view());
    json.member("migration_address", host.migration_address.view());
    json.member("migration_port", host.migration_port);
    json.end_object();
    json.end_object();
}

std::vector<std::string_view> host_headings() {
    return {"NAME",     "STATE", "CORES", "CPU%", "MEM_MIB", "USED_MIB",
            "FREE_MIB", "VMS",   "IN",    "OUT",  "REASON"};
}

void host_row(TextTable& table, const Core& core, std::uint32_t index) {
    const HostRow& host = core.host(index);
    table.cell(host.record.name.view());
    table.cell(to_string(host.state));
    table.cell(std::uint64_t{host.cpu_count});
    table.cell(core.host_load(index).cpu * 100, 0);
    table.cell(host.memory_mib);
    table.cell(core.host_memory_used_mib(index));
    table.cell(host.memory_free_mib);
    table.cell(std::uint64_t{host.guests});
    table.cell(std::uint64_t{host.migrations_in});
    table.cell(std::uint64_t{host.migrations_out});
    table.cell(host.state_reason.view());
}

}  // namespace ballast::controller::http
