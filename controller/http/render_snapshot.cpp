#include <algorithm>
#include <vector>

#include "controller/http/render.hpp"

namespace ballast::controller::http {

namespace {

void render_series(JsonOut& json, std::string_view name, const SampleSeries& series) {
    json.key(name);
    json.array();
    for (const double value : series.values()) {
        json.number(value);
    }
    json.end_array();
}

void render_host_facts(JsonOut& json, const Core& core, std::uint32_t index) {
    const HostRow& host = core.host(index);
    json.object();
    json.member("name", host.record.name.view());
    json.member("state", to_string(host.state));
    json.member("cpu_cores", host.cpu_count);
    json.member("memory_mib", host.memory_mib);
    json.member("memory_reserved_mib", core.host_memory_reserved_mib(index));
    json.member("net_mbps", host.net_mbps);
    json.member("disk_mbps", core.settings().host_disk_mbps);
    const SiteMap& sites = core.settings().sites;
    if (const std::string_view site = site_name(sites, site_of(sites, host.record.name)); !site.empty()) {
        json.member("site", site);
    }
    render_series(json, "dom0_cpu_cores", host.dom0_cpu_cores);
    json.end_object();
}

void render_vm_facts(JsonOut& json, const Core& core, const VmRow& vm, WallTime taken_at) {
    json.object();
    json.member("name", vm.record.name.view());
    json.member("host", core.host(vm.host).record.name.view());
    json.member("state", to_string(vm.state));
    json.member("memory_mib", vm.memory_mib);
    json.member("vcpus", vm.vcpus);
    render_series(json, "cpu_cores", vm.cpu_cores);
    render_series(json, "net_mbps", vm.net_mbps);
    render_series(json, "disk_mbps", vm.disk_mbps);
    render_series(json, "memory_used_mib", vm.memory_used_mib);
    json.member("movable", core.policies_may_move(vm));
    if (const std::string_view group = core.vm_group(vm); !group.empty()) {
        json.member("anti_affinity", group);
    }
    if (vm.record.last_moved.unix_ms != 0 && taken_at >= vm.record.last_moved) {
        json.member("last_moved_seconds_ago", (taken_at.unix_ms - vm.record.last_moved.unix_ms) / 1000);
    }
    if (vm.record.started.unix_ms != 0 && taken_at >= vm.record.started) {
        json.member("started_seconds_ago", (taken_at.unix_ms - vm.record.started.unix_ms) / 1000);
    }
    if (!vm.record.came_from.empty()) {
        json.member("came_from", vm.record.came_from.view());
    }
    if (vm.desktop != no_row && core.desktop(vm.desktop).record.session != 0) {
        json.member("session_active", true);
    }
    if (vm.dirty_mib_per_second > 0) {
        json.member("dirty_mib_per_second", vm.dirty_mib_per_second);
    }
    json.end_object();
}

// Rows in use, by name: the same pool gives the same text, whoever connected first.
template <class Row, class Wanted>
std::vector<std::uint32_t> by_name(std::span<const Row> rows, const Wanted& wanted) {
    std::vector<std::uint32_t> order;
    for (std::uint32_t i = 0; i < rows.size(); ++i) {
        if (rows[i].in_use && wanted(rows[i])) {
            order.push_back(i);
        }
    }
    std::ranges::sort(order, {}, [rows](std::uint32_t i) { return rows[i].record.name.view(); });
    return order;
}

}  // namespace

void render_snapshot(JsonOut& json, const Core& core, WallTime taken_at) {
    json.object();
    json.member("format", "ballast-pool/1");
    json.member("taken_at", taken_at);
    json.member("sample_interval_seconds", core.settings().sample_interval.ms / 1000);
    json.key("hosts");
    json.array();
    for (const std::uint32_t i : by_name(core.hosts(), [](const HostRow&) { return true; })) {
        render_host_facts(json, core, i);
    }
    json.end_array();
    json.key("vms");
    json.array();
    // An inactive guest is on no host and loads none.
    for (const std::uint32_t i : by_name(core.vms(), [](const VmRow& vm) { return vm.host != no_row; })) {
        render_vm_facts(json, core, core.vms()[i], taken_at);
    }
    json.end_array();
    json.end_object();
}

}  // namespace ballast::controller::http
