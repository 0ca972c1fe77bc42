// The parts of /metrics that have a file of their own.
#pragma once

#include "controller/http/api.hpp"
#include "controller/http/metrics_out.hpp"

namespace ballast::controller::http {

// The process, its store, its limits.
void write_process(MetricsOut& out, const Api& api);
// What stands between it and doing its work: a failing store, a blocked loop, a certificate that ends.
void write_health(MetricsOut& out, const Api& api);
void write_http(MetricsOut& out, const Api& api);
void write_feed(MetricsOut& out, const Api& api);    // events and their readers
void write_access(MetricsOut& out, const Api& api);  // who was turned away, and the audit log
// The agents' own processes and their calls to the hypervisors.
void write_agents(MetricsOut& out, const Core& core);
// Desktops and sessions of all pools together, and of each pool what the alerts compare.
void write_desktops(MetricsOut& out, const Core& core);
void write_pools(MetricsOut& out, const Core& core);

}  // namespace ballast::controller::http
