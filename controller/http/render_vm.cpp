#include <algorithm>

#include "controller/http/render.hpp"
#include "policy/means.hpp"

namespace ballast::controller::http {

namespace {

double mean(const Core& core, const SampleSeries& series) noexcept {
    return policy::mean_of_last(series.values(), core.settings().balance.parameters.window);
}

void render_console(JsonOut& json, const Core& core, const VmRow& vm) {
    json.key("console");
    if (vm.console_port == 0 || vm.host == no_row) {
        json.null();
        return;
    }
    json.object();
    json.member("host", reachable_address(core, vm.host, console_address(vm)));
    json.member("port", vm.console_port);
    json.member("protocol", "vnc");
    json.end_object();
}

void render_open_job(JsonOut& json, const Core& core, const VmRow& vm) {
    json.key("job");
    if (vm.job == no_row) {
        json.null();
        return;
    }
    const JobRow& job = core.job(vm.job);
    json.object();
    json.member("id", job.record.id);
    json.member("kind", to_string(job.record.kind));
    json.member("state", to_string(job.record.state));
    json.member("percent", job.record.percent);
    json.end_object();
}

void render_desktop_of(JsonOut& json, const Core& core, const VmRow& vm) {
    if (vm.desktop == no_row) {
        return;
    }
    const DesktopRow& desktop = core.desktop(vm.desktop);
    json.key("desktop");
    json.object();
    json.member("pool", desktop.record.pool.view());
    json.member("state", to_string(desktop.record.state));
    json.member("since", desktop.record.since);
    json.member("generation", desktop.record.generation);
    if (desktop.record.session != 0) {
        json.member("session", desktop.record.session);
    }
    if (!desktop.address.empty()) {
        json.member("address", desktop.address.view());
    }
    if (!desktop.trouble.empty()) {
        json.member("trouble", desktop.trouble.view());
    }
    json.end_object();
}

// Worth showing only when hosts disagree, or a guest is on its way.
void render_sightings(JsonOut& json, const Core& core, const VmRow& vm) {
    if (vm.sightings.size() < 2) {
        return;
    }
    json.key("seen_on");
    json.array();
    for (const Sighting& sighting : vm.sightings) {
        json.object();
        json.member("host", core.host(sighting.host).record.name.view());
        json.member("domain_state", to_string(sighting.state));
        json.member("saved", sighting.saved);
        json.member("incoming", sighting.in_flight == wire::InFlight::incoming);
        json.member("departing", sighting.in_flight == wire::InFlight::departing);
        json.end_object();
    }
    json.end_array();
}

}  // namespace

// What listens on every address of its host is reached at the address that the host is known by.
std::string_view reachable_address(const Core& core, std::uint32_t row, std::string_view listens) noexcept {
    if (!listens.empty() && listens != "0.0.0.0" && listens != "::") {
        return listens;
    }
    const HostRow& host = core.host(row);
    if (!host.migration_address.empty()) {
        return host.migration_address.view();
    }
    const auto links = core.links();
    const auto link = std::find_if(links.begin(), links.end(), [&](const LinkRow& known) {
        return known.in_use && known.id == host.link;
    });
    return link != links.end() ? link->remote_address.view() : host.record.name.view();
}

void render_vm(JsonOut& json, const Core& core, std::uint32_t index) {
    const VmRow& vm = core.vm(index);
    json.object();
    json.member("name", vm.record.name.view());
    json.member("uuid", vm.record.uuid);
    json.key("host");
    if (vm.host == no_row) {
        json.null();
    } else {
        json.text(core.host(vm.host).record.name.view());
    }
    json.member("state", to_string(vm.state));
    json.member("state_reason", core.vm_state_reason(vm).view());
    json.member("domain_state", to_string(vm.domain_state));
    json.member("kind", to_string(vm.record.kind));
    json.member("type", to_string(vm.type));
    json.member("memory_mib", vm.memory_mib);
    json.member("vcpus", vm.vcpus);
    json.member("cpu_cores", core.vm_cpu_cores(index));
    json.member("net_mbps", mean(core, vm.net_mbps));
    json.member("disk_mbps", mean(core, vm.disk_mbps));
    json.member("movable", vm.record.movable);
    json.member("ours", vm.record.ours);
    json.member("has_definition", vm.definition != no_row);
    json.member("can_live_migrate", vm.host != no_row && can_live_migrate(core.host(vm.host), vm.type));
    if (vm.duplicate) {
        json.member("duplicate", true);
    }
    json.member("last_moved_at", vm.record.last_moved);
    render_console(json, core, vm);
    render_open_job(json, core, vm);
    render_sightings(json, core, vm);
    render_desktop_of(json, core, vm);
    json.key("allowed_actions");
    json.array();
    for (const CommandKind action : core.allowed_actions(index)) {
        json.text(to_string(action));
    }
    json.end_array();
    json.end_object();
}

std::vector<std::string_view> vm_headings() {
    return {"NAME",      "HOST",     "STATE",     "TYPE",    "MEM_MIB", "VCPUS",
            "CPU_CORES", "NET_MBPS", "DISK_MBPS", "MOVABLE", "JOB"};
}

void vm_row(TextTable& table, const Core& core, std::uint32_t index) {
    const VmRow& vm = core.vm(index);
    table.cell(vm.record.name.view());
    table.cell(vm.host == no_row ? std::string_view{} : core.host(vm.host).record.name.view());
    table.cell(to_string(vm.state));
    table.cell(to_string(vm.type));
    table.cell(vm.memory_mib);
    table.cell(std::uint64_t{vm.vcpus});
    table.cell(core.vm_cpu_cores(index), 2);
    table.cell(mean(core, vm.net_mbps), 1);
    table.cell(mean(core, vm.disk_mbps), 1);
    table.cell(vm.record.movable ? "yes" : "no");
    table.cell(vm.job == no_row ? std::string_view{} : to_string(core.job(vm.job).record.kind));
}

}  // namespace ballast::controller::http
