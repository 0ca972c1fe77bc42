// What the operations of the table do. Each answers one call; none keeps anything.
#pragma once

#include "controller/http/operations.hpp"

namespace ballast::controller::http {

// handlers_pool.cpp
Answer healthz(Api& api, const Call& call);
Answer readyz(Api& api, const Call& call);
Answer get_metrics(Api& api, const Call& call);
Answer get_status(Api& api, const Call& call);
Answer get_limits(Api& api, const Call& call);
Answer get_snapshot(Api& api, const Call& call);
// handlers_openapi.cpp
Answer get_openapi(Api& api, const Call& call);
// handlers_hosts.cpp
Answer list_hosts(Api& api, const Call& call);
Answer get_host(Api& api, const Call& call);
Answer act_on_host(Api& api, const Call& call);
// handlers_vms.cpp
Answer list_vms(Api& api, const Call& call);
Answer get_vm(Api& api, const Call& call);
Answer create_vm(Api& api, const Call& call);
Answer act_on_vm(Api& api, const Call& call);
Answer get_vm_history(Api& api, const Call& call);
// handlers_pools.cpp
Answer list_desktop_pools(Api& api, const Call& call);
Answer get_desktop_pool(Api& api, const Call& call);
Answer put_desktop_pool(Api& api, const Call& call);  // POST makes, PUT replaces
Answer act_on_desktop_pool(Api& api, const Call& call);
Answer get_pool_targets(Api& api, const Call& call);
Answer put_pool_targets(Api& api, const Call& call);
// handlers_sessions.cpp
Answer list_private_desktops(Api& api, const Call& call);
Answer get_private_desktop(Api& api, const Call& call);
Answer act_on_private_desktop(Api& api, const Call& call);
Answer list_sessions(Api& api, const Call& call);
Answer get_session(Api& api, const Call& call);
Answer open_session(Api& api, const Call& call);
Answer close_session(Api& api, const Call& call);
// handlers_events.cpp, handlers_history.cpp
Answer list_events(Api& api, const Call& call);
Reply conclude_events(Api& api, const Request& request, const Wait& wait);
Answer get_load_history(Api& api, const Call& call);
// handlers_destinations.cpp
Answer get_vm_destinations(Api& api, const Call& call);
// handlers_jobs.cpp
Answer list_jobs(Api& api, const Call& call);
Answer get_job(Api& api, const Call& call);
Answer act_on_job(Api& api, const Call& call);
Answer limit_job_images(Api& api, const Call& call);
// handlers_plans.cpp
Answer list_plans(Api& api, const Call& call);
Answer get_plan(Api& api, const Call& call);
Answer create_plan(Api& api, const Call& call);
Answer act_on_plan(Api& api, const Call& call);
Answer list_decisions(Api& api, const Call& call);
Answer get_decision(Api& api, const Call& call);
// handlers_explain.cpp
Answer explain(Api& api, const Call& call);

// handlers_tokens.cpp
Answer whoami(Api& api, const Call& call);
Answer list_tokens(Api& api, const Call& call);
Answer get_token(Api& api, const Call& call);
Answer create_token(Api& api, const Call& call);
Answer revoke_token(Api& api, const Call& call);

}  // namespace ballast::controller::http
