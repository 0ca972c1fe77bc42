#include "controller/http/feed/render_event.hpp"

#include "base/compose.hpp"
#include "controller/http/render.hpp"

namespace ballast::controller::http {

namespace {

std::string_view to_word(Severity severity) noexcept {
    switch (severity) {
        case Severity::info: return "info";
        case Severity::warning: return "warning";
        case Severity::error: return "error";
    }
    return "info";
}

std::string_view to_word(Subject subject) noexcept {
    switch (subject) {
        case Subject::controller: return "controller";
        case Subject::host: return "host";
        case Subject::vm: return "vm";
        case Subject::job: return "job";
        case Subject::plan: return "plan";
        case Subject::pool: return "pool";
        case Subject::desktop: return "desktop";
        case Subject::session: return "session";
    }
    return "controller";
}

// "because", where there is something to say.
Summary with_reason(std::string_view state, std::string_view reason) noexcept {
    return reason.empty() ? Summary{state} : compose<95>(state, ": ", reason);
}

Summary job_summary(const JobRecord& job) noexcept {
    Summary text = compose<95>(to_string(job.kind), " ", job.vm_name);
    if (job.kind == JobKind::migrate) {
        text = compose<95>(text, " ", job.source.host, " -> ", job.destination.host);
    }
    text = compose<95>(text, " ", to_string(job.state));
    return ended(job.state) ? text : compose<95>(text, " ", job.percent, "%");
}

Summary vm_summary(const Core& core, const VmRow& vm) noexcept {
    const Summary state = with_reason(to_string(vm.state), core.vm_state_reason(vm).view());
    return vm.host == no_row ? state : compose<95>(state, " on ", core.host(vm.host).record.name);
}

}  // namespace

void render_changed(JsonOut& json, const Core& core, const Changed& changed) {
    switch (changed.kind) {
        case EventKind::host: render_host(json, core, changed.row); break;
        case EventKind::vm: render_vm(json, core, changed.row); break;
        case EventKind::job: render_job(json, core.job(changed.row)); break;
        case EventKind::plan: render_plan(json, core.plan(changed.row)); break;
        case EventKind::decision: render_decision(json, *core.decision(changed.row)); break;
        case EventKind::pool: render_desktop_pool(json, core, changed.row); break;
        case EventKind::session: render_session(json, core, changed.row); break;
        case EventKind::load:
        case EventKind::notice: json.null(); break;
    }
}

Summary summary_of(const Core& core, const Changed& changed) {
    switch (changed.kind) {
        case EventKind::host: {
            const HostRow& host = core.host(changed.row);
            return with_reason(to_string(host.state), host.state_reason.view());
        }
        case EventKind::vm: return vm_summary(core, core.vm(changed.row));
        case EventKind::job: return job_summary(core.job(changed.row).record);
        case EventKind::plan: {
            const PlanRecord& plan = core.plan(changed.row).record;
            return with_reason(to_string(plan.state), plan.conclusion.view());
        }
        case EventKind::decision: return Summary{core.decision(changed.row)->why.view()};
        case EventKind::pool: {
            const DesktopPoolRecord& pool = core.desktop_pool(changed.row).record;
            return pool.closing ? "closing" : pool.enabled ? "enabled" : "disabled";
        }
        case EventKind::session: {
            const SessionRecord& session = core.session(changed.row).record;
            return compose<95>(session.user, " on ", session.desktop_name, " ", to_string(session.state));
        }
        case EventKind::load:
        case EventKind::notice: break;
    }
    return {};
}

Summary load_summary(const policy::HostLoad& load) {
    return compose<95>("cpu ", Decimals{load.cpu * 100, 0}, "%, memory ", Decimals{load.memory * 100, 0},
                       "%");
}

std::uint32_t render_load(JsonOut& json, const Core& core, std::uint32_t index, std::uint32_t first,
                          std::uint32_t vms_max) {
    const policy::HostLoad load = core.host_load(index);
    const HostRow& host = core.host(index);
    json.object();
    json.member("host", host.record.name.view());
    json.member("cpu", load.cpu);
    json.member("memory", load.memory);
    json.member("net", load.net);
    json.member("memory_used_mib", core.host_memory_used_mib(index));
    json.member("memory_free_mib", host.memory_free_mib);
    json.member("last_sample_at", host.last_sample_taken);
    json.key("vm_cpu_cores");
    json.object();
    std::uint32_t row = first;
    for (std::uint32_t told = 0; row != no_row && told < vms_max; ++told, row = core.vm(row).next_here) {
        json.foreign_key(core.vm(row).record.name.view());
        json.number(core.vm_cpu_cores(row));
    }
    json.end_object();
    json.end_object();
    return row;
}

void render_notice(JsonOut& json, const Report& report) {
    json.object();
    json.member("severity", to_word(report.severity));
    json.member("subject", to_word(report.subject));
    json.member("what", report.what);
    if (!report.name.empty()) {
        json.member("name", report.name.view());
    }
    if (report.id != 0) {
        json.member("id", report.id);
    }
    json.member("detail", report.detail.view());
    json.end_object();
}

}  // namespace ballast::controller::http
