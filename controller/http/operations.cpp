#include "controller/http/operations.hpp"

#include <array>
#include <charconv>
#include <optional>

#include "controller/http/handlers.hpp"

namespace ballast::controller::http {

namespace {

constexpr std::string_view list_only = "limit page_token";
constexpr std::string_view act = "wait dry_run";

constexpr std::array table{
    Operation{Method::get, "/healthz", &healthz, Role::none, false, ""},
    Operation{Method::get, "/readyz", &readyz, Role::none, false, ""},
    Operation{Method::get, "/metrics", &get_metrics, Role::viewer, false, ""},
    Operation{Method::get, "/openapi.json", &get_openapi, Role::none, false, ""},
    Operation{Method::get, "/v1/status", &get_status, Role::viewer, false, ""},
    Operation{Method::get, "/v1/limits", &get_limits, Role::viewer, false, ""},
    Operation{Method::get, "/v1/snapshot", &get_snapshot, Role::viewer, false, ""},

    Operation{Method::get, "/v1/hosts", &list_hosts, Role::viewer, false, "limit page_token state"},
    Operation{Method::get, "/v1/hosts/{id}", &get_host, Role::viewer, false, ""},
    Operation{Method::del, "/v1/hosts/{id}", &act_on_host, Role::admin, true, act, CommandKind::host_forget},
    Operation{Method::post, "/v1/hosts/{id}:cordon", &act_on_host, Role::operator_, true, act,
              CommandKind::host_cordon},
    Operation{Method::post, "/v1/hosts/{id}:uncordon", &act_on_host, Role::operator_, true, act,
              CommandKind::host_uncordon},
    Operation{Method::post, "/v1/hosts/{id}:drain", &act_on_host, Role::operator_, true, act,
              CommandKind::host_drain},

    Operation{Method::get, "/v1/vms", &list_vms, Role::viewer, false,
              "limit page_token state host kind pool"},
    Operation{Method::post, "/v1/vms", &create_vm, Role::admin, true, act, CommandKind::vm_create},
    Operation{Method::get, "/v1/vms/{id}", &get_vm, Role::viewer, false, ""},
    Operation{Method::del, "/v1/vms/{id}", &act_on_vm, Role::admin, true, act, CommandKind::vm_forget},
    Operation{Method::post, "/v1/vms/{id}:start", &act_on_vm, Role::operator_, true, act,
              CommandKind::vm_start},
    Operation{Method::post, "/v1/vms/{id}:pause", &act_on_vm, Role::operator_, true, act,
              CommandKind::vm_pause},
    Operation{Method::post, "/v1/vms/{id}:unpause", &act_on_vm, Role::operator_, true, act,
              CommandKind::vm_unpause},
    Operation{Method::post, "/v1/vms/{id}:save", &act_on_vm, Role::operator_, true, act,
              CommandKind::vm_save},
    Operation{Method::post, "/v1/vms/{id}:restore", &act_on_vm, Role::operator_, true, act,
              CommandKind::vm_restore},
    Operation{Method::post, "/v1/vms/{id}:shutdown", &act_on_vm, Role::operator_, true, act,
              CommandKind::vm_shutdown},
    Operation{Method::post, "/v1/vms/{id}:destroy", &act_on_vm, Role::operator_, true, act,
              CommandKind::vm_destroy},
    Operation{Method::post, "/v1/vms/{id}:migrate", &act_on_vm, Role::operator_, true, act,
              CommandKind::vm_migrate},
    Operation{Method::post, "/v1/vms/{id}:set-movable", &act_on_vm, Role::operator_, true, act,
              CommandKind::vm_set_movable},

    Operation{Method::post, "/v1/vms/{id}:index", &act_on_vm, Role::operator_, true, act,
              CommandKind::vm_index},

    Operation{Method::get, "/v1/vms/{id}/destinations", &get_vm_destinations, Role::viewer, false,
              "bandwidth_mbps"},
    Operation{Method::get, "/v1/vms/{id}/history", &get_vm_history, Role::viewer, false, ""},

    Operation{Method::get, "/v1/pools", &list_desktop_pools, Role::viewer, false, list_only},
    Operation{Method::post, "/v1/pools", &put_desktop_pool, Role::admin, true, act, CommandKind::pool_create},
    Operation{Method::get, "/v1/pools/{id}", &get_desktop_pool, Role::viewer, false, ""},
    Operation{Method::put, "/v1/pools/{id}", &put_desktop_pool, Role::admin, true, act,
              CommandKind::pool_replace},
    Operation{Method::del, "/v1/pools/{id}", &act_on_desktop_pool, Role::admin, true, act,
              CommandKind::pool_delete},
    Operation{Method::get, "/v1/pools/{id}/targets", &get_pool_targets, Role::viewer, false, ""},
    Operation{Method::put, "/v1/pools/{id}/targets", &put_pool_targets, Role::operator_, true, act,
              CommandKind::pool_targets},
    Operation{Method::post, "/v1/pools/{id}:enable", &act_on_desktop_pool, Role::operator_, true, act,
              CommandKind::pool_enable},
    Operation{Method::post, "/v1/pools/{id}:disable", &act_on_desktop_pool, Role::operator_, true, act,
              CommandKind::pool_disable},

    Operation{Method::get, "/v1/private-desktops", &list_private_desktops, Role::viewer, false,
              "limit page_token state pool", CommandKind::none, Own::objects},
    Operation{Method::get, "/v1/private-desktops/{id}", &get_private_desktop, Role::viewer, false, "",
              CommandKind::none, Own::objects},
    Operation{Method::put, "/v1/private-desktops/{id}", &act_on_private_desktop, Role::operator_, true, act,
              CommandKind::private_put},
    Operation{Method::del, "/v1/private-desktops/{id}", &act_on_private_desktop, Role::admin, true, act,
              CommandKind::private_delete},

    Operation{Method::get, "/v1/sessions", &list_sessions, Role::helpdesk, false,
              "limit page_token state pool user", CommandKind::none, Own::objects},
    Operation{Method::post, "/v1/sessions", &open_session, Role::helpdesk, true, act,
              CommandKind::session_open, Own::objects},
    Operation{Method::get, "/v1/sessions/{id}", &get_session, Role::helpdesk, false, "wait",
              CommandKind::none, Own::objects},
    Operation{Method::del, "/v1/sessions/{id}", &close_session, Role::helpdesk, true, act,
              CommandKind::session_close, Own::objects},

    Operation{Method::get, "/v1/jobs", &list_jobs, Role::viewer, false, "limit page_token state kind host"},
    Operation{Method::get, "/v1/jobs/{id}", &get_job, Role::viewer, false, "wait"},
    Operation{Method::post, "/v1/jobs/{id}:cancel", &act_on_job, Role::operator_, true, act,
              CommandKind::job_cancel},
    Operation{Method::post, "/v1/jobs/{id}:limit", &limit_job_images, Role::operator_, true, act,
              CommandKind::job_limit},

    Operation{Method::get, "/v1/plans", &list_plans, Role::viewer, false, "limit page_token state"},
    Operation{Method::post, "/v1/plans", &create_plan, Role::operator_, true, act, CommandKind::plan_create},
    Operation{Method::get, "/v1/plans/{id}", &get_plan, Role::viewer, false, "wait"},
    Operation{Method::post, "/v1/plans/{id}:apply", &act_on_plan, Role::operator_, true, act,
              CommandKind::plan_apply},
    Operation{Method::post, "/v1/plans/{id}:cancel", &act_on_plan, Role::operator_, true, act,
              CommandKind::plan_cancel},
    Operation{Method::post, "/v1/rebalance", &create_plan, Role::operator_, true, act,
              CommandKind::rebalance},

    Operation{Method::get, "/v1/events", &list_events, Role::viewer, false, "since wait kind limit"},
    Operation{Method::get, "/v1/history", &get_load_history, Role::viewer, false, "span"},

    Operation{Method::get, "/v1/decisions", &list_decisions, Role::viewer, false, list_only},
    Operation{Method::get, "/v1/decisions/{id}", &get_decision, Role::viewer, false, ""},
    // It changes nothing, and is a POST for its body.
    Operation{Method::post, "/v1/explain", &explain, Role::viewer, false, ""},

    Operation{Method::get, "/v1/whoami", &whoami, Role::viewer, false, "", CommandKind::none, Own::objects},
    Operation{Method::get, "/v1/tokens", &list_tokens, Role::admin, false, list_only},
    Operation{Method::post, "/v1/tokens", &create_token, Role::admin, true, "dry_run"},
    Operation{Method::get, "/v1/tokens/{id}", &get_token, Role::admin, false, ""},
    Operation{Method::del, "/v1/tokens/{id}", &revoke_token, Role::admin, true, "dry_run"},
};

// The id in `path` when it has the pattern's form. Where the pattern has no {id}, an empty one.
std::optional<std::string_view> match_path(std::string_view pattern, std::string_view path) noexcept {
    constexpr std::string_view placeholder = "{id}";
    const std::size_t at = pattern.find(placeholder);
    if (at == std::string_view::npos) {
        return pattern == path ? std::optional{std::string_view{}} : std::nullopt;
    }
    const std::string_view before = pattern.substr(0, at);
    const std::string_view after = pattern.substr(at + placeholder.size());
    if (path.size() <= before.size() + after.size() || !path.starts_with(before) || !path.ends_with(after)) {
        return std::nullopt;
    }
    const std::string_view id = path.substr(before.size(), path.size() - before.size() - after.size());
    return id.find_first_of("/:") == std::string_view::npos ? std::optional{id} : std::nullopt;
}

}  // namespace

std::span<const Operation> operations() noexcept {
    return table;
}

bool allows(const Operation& operation, Role role) noexcept {
    if (operation.role == Role::none) {
        return true;
    }
    return role == Role::user ? operation.own == Own::objects : role >= operation.role;
}

Match match(Method method, std::string_view path) {
    Match result;
    for (const Operation& operation : table) {
        const std::optional<std::string_view> id = match_path(operation.path, path);
        if (!id.has_value()) {
            continue;
        }
        if (operation.method == method) {
            result.operation = &operation;
            result.id = *id;
            return result;
        }
        result.other_methods += result.other_methods.empty() ? "" : ", ";
        result.other_methods += to_string(operation.method);
    }
    return result;
}

std::optional<std::uint64_t> Call::number() const noexcept {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(id.data(), id.data() + id.size(), value);
    return error == std::errc{} && end == id.data() + id.size() ? std::optional{value} : std::nullopt;
}

bool lists(std::string_view parameters, std::string_view name) noexcept {
    while (!parameters.empty()) {
        const std::size_t end = std::min(parameters.find(' '), parameters.size());
        if (parameters.substr(0, end) == name) {
            return true;
        }
        parameters.remove_prefix(std::min(end + 1, parameters.size()));
    }
    return false;
}

}  // namespace ballast::controller::http
