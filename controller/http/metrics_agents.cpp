// What agents tell of themselves. Calls are added up over all hosts: thirteen kinds of a thousand hosts would
// be more lines than all other metrics together.
#include "controller/http/metrics_parts.hpp"

namespace ballast::controller::http {

namespace {

template <class Value>
void each_agent(MetricsOut& out, const Core& core, Value value) {
    for (const HostRow& host : core.hosts()) {
        if (host.in_use && host.agent.resident_kib != 0) {  // it has told
            out.value("host", host.record.name.view(), value(host.agent));
        }
    }
}

}  // namespace

void write_agents(MetricsOut& out, const Core& core) {
    const AgentCounters& agents = core.counters().agents;
    out.metric("ballast_agent_call_seconds", "summary",
               "Short calls of all agents to their hypervisors, by call.");
    for (std::size_t i = 0; i < agents.calls.size(); ++i) {
        const AgentCounters::Calls& calls = agents.calls[i];
        out.value("call", to_string(static_cast<HypervisorCall>(i)),
                  static_cast<double>(calls.total_us) / 1e6, calls.count);
    }
    out.metric("ballast_agent_call_errors_total", "counter", "Those that were answered with an error.");
    for (std::size_t i = 0; i < agents.calls.size(); ++i) {
        out.value("call", to_string(static_cast<HypervisorCall>(i)), agents.calls[i].errors);
    }
    out.metric("ballast_agent_cpu_seconds_total", "counter",
               "Processor time of the host's agent, its workers left out.");
    each_agent(out, core,
               [](const wire::AgentFigures& agent) { return static_cast<double>(agent.cpu_ms) / 1e3; });
    out.metric("ballast_agent_resident_bytes", "gauge", "Memory that the host's agent has in use.");
    each_agent(out, core, [](const wire::AgentFigures& agent) { return agent.resident_kib * 1024; });
    out.metric("ballast_console_bytes_total", "counter", "Passed on between desktops' consoles and clients.");
    out.value("direction", "to_client", agents.console_to_client_bytes);
    out.value("direction", "from_client", agents.console_from_client_bytes);
}

}  // namespace ballast::controller::http
