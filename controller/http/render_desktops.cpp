// Pools, private desktops, sessions and histories, as JSON and as table rows.
#include <array>

#include "controller/http/render.hpp"
#include "shell/loop.hpp"

namespace ballast::controller::http {

namespace {

struct TierCensus {
    std::array<std::uint64_t, desktop_states_count> by_state{};
    std::uint64_t all = 0;
};

TierCensus tiers_of(const Core& core, std::uint32_t pool) {
    TierCensus census;
    for (const DesktopRow& desktop : core.desktops()) {
        if (desktop.in_use && desktop.pool == pool) {
            ++census.all;
            ++census.by_state[static_cast<std::size_t>(desktop.record.state)];
        }
    }
    return census;
}

void render_targets(JsonOut& json, const PoolTargets& targets) {
    json.key("targets");
    json.object();
    json.member("ready", targets.ready);
    json.member("paused", targets.paused);
    json.member("saved", targets.saved);
    json.member("max", targets.max);
    json.end_object();
}

void render_rules(JsonOut& json, const PoolRules& rules) {
    json.member("after_session", to_string(rules.after_session));
    json.member("console", to_string(rules.console));
    json.member("guest_signals", rules.guest_signals);
    json.member("pause_after_seconds", rules.pause_after_seconds);
    json.member("save_after_seconds", rules.save_after_seconds);
    json.member("paused_max_seconds", rules.paused_max_seconds);
    json.member("session_max_seconds", rules.session_max_seconds);
    json.member("session_idle_seconds", rules.session_idle_seconds);
    json.member("disconnect_seconds", rules.disconnect_seconds);
    json.member("boot_timeout_seconds", rules.boot_timeout_seconds);
    json.member("shutdown_grace_seconds", rules.shutdown_grace_seconds);
}

std::string_view kind_of(VmKind kind) noexcept {
    return kind == VmKind::personal ? "private" : "common";
}

struct DesktopEndpoint {
    std::string_view host;
    std::uint16_t port = 0;
};

// Where the session's user connects to now; port 0: nowhere.
DesktopEndpoint endpoint_of(const Core& core, const SessionRow& session) {
    if (session.desktop == no_row || session.record.state != SessionState::open) {
        return {};
    }
    const DesktopRow& desktop = core.desktop(session.desktop);
    const VmRow& vm = core.vm(desktop.vm);
    const Console console = core.desktop_pool(desktop.pool).record.rules.console;
    if (console == Console::relay && session.relay_up) {
        return {reachable_address(core, session.relay_host, session.relay_address.view()),
                session.relay_port};
    }
    if (console == Console::direct && !desktop.address.empty()) {
        constexpr std::uint16_t vnc_port = 5900;
        return {desktop.address.view(), vnc_port};
    }
    if (console == Console::direct && vm.host != no_row && vm.console_port != 0) {
        return {reachable_address(core, vm.host, console_address(vm)), vm.console_port};
    }
    return {};
}

// What is left of a bound that counts from `since`; nothing when there is no bound or it does not run.
void render_left(JsonOut& json, std::string_view name, std::uint32_t bound_seconds, WallTime has_begun,
                 Instant since) {
    if (bound_seconds == 0 || has_begun.unix_ms == 0) {
        return;
    }
    const std::int64_t gone = (mono_now() - since).ms / 1000;
    json.member(name, std::max<std::int64_t>(0, std::int64_t{bound_seconds} - gone));
}

void render_timers(JsonOut& json, const Core& core, const SessionRow& session) {
    const std::uint32_t pool = core.find_desktop_pool(session.record.pool.view());
    if (pool == no_row || session.record.state != SessionState::open) {
        return;
    }
    const PoolRules& rules = core.desktop_pool(pool).record.rules;
    render_left(json, "max_seconds_left", rules.session_max_seconds, session.record.opened, session.opened);
    if (session.relay_heard) {
        json.member("connected", session.connected);
        json.member("idle_seconds", session.idle_seconds);
        render_left(json, "idle_seconds_left", rules.session_idle_seconds, session.record.last_used,
                    session.last_used);
    }
    render_left(json, "disconnect_seconds_left", rules.disconnect_seconds, session.record.left, session.left);
}

void render_endpoint(JsonOut& json, const Core& core, const SessionRow& session) {
    const DesktopEndpoint endpoint = endpoint_of(core, session);
    json.key("endpoint");
    if (endpoint.port == 0) {
        json.null();
        return;
    }
    json.object();
    json.member("host", endpoint.host);
    json.member("port", endpoint.port);
    json.member("protocol", "vnc");
    if (session.relay_up) {
        json.member("password", session.record.password.view());
    }
    json.member("revision", session.endpoint_revision);
    json.end_object();
}

}  // namespace

void render_desktop_pool(JsonOut& json, const Core& core, std::uint32_t index) {
    const DesktopPoolRow& pool = core.desktop_pool(index);
    const TierCensus census = tiers_of(core, index);
    json.object();
    json.member("name", pool.record.name.view());
    json.member("kind", kind_of(pool.record.kind));
    json.member("enabled", pool.record.enabled);
    if (pool.record.closing) {
        json.member("deleting", true);
    }
    render_targets(json, pool.record.targets);
    render_rules(json, pool.record.rules);
    json.key("template");
    json.object();
    json.member("type", to_string(pool.record.guest.type));
    json.member("memory_mib", pool.record.guest.memory_mib);
    json.member("vcpus", pool.record.guest.vcpus);
    json.member("vnc", pool.record.guest.vnc);
    json.end_object();
    json.key("desktops");
    json.object();
    json.member("all", census.all);
    for (std::size_t i = 0; i < census.by_state.size(); ++i) {
        if (census.by_state[i] != 0) {
            json.member(to_string(static_cast<DesktopState>(i)), census.by_state[i]);
        }
    }
    json.end_object();
    json.member("grants", pool.grants);
    json.member("denials", pool.denials);
    json.member("starts_failed", pool.failed_ever);
    json.member("starts_failed_in_a_row", pool.failures);
    json.member("created_at", pool.record.created);
    json.end_object();
}

std::vector<std::string_view> pool_headings() {
    return {"NAME",  "KIND",     "ENABLED", "READY", "RUNNING", "PAUSED",
            "SAVED", "STARTING", "FAILED",  "MAX",   "GRANTS",  "DENIALS"};
}

void pool_row(TextTable& table, const Core& core, std::uint32_t index) {
    const DesktopPoolRow& pool = core.desktop_pool(index);
    const TierCensus census = tiers_of(core, index);
    const auto in = [&census](DesktopState state) {
        return census.by_state[static_cast<std::size_t>(state)];
    };
    const auto of = [&in](DesktopState state, std::uint32_t target) {
        return std::to_string(in(state)) + '/' + std::to_string(target);
    };
    const PoolTargets& targets = pool.record.targets;
    table.cell(pool.record.name.view());
    table.cell(kind_of(pool.record.kind));
    table.cell(pool.record.enabled ? "yes" : "no");
    table.cell(of(DesktopState::ready, targets.ready));
    table.cell(in(DesktopState::running));
    table.cell(of(DesktopState::paused, targets.paused));
    table.cell(of(DesktopState::saved, targets.saved));
    table.cell(in(DesktopState::creating) + in(DesktopState::booting));
    table.cell(in(DesktopState::failed));
    table.cell(std::uint64_t{targets.max});
    table.cell(pool.grants);
    table.cell(pool.denials);
}

void render_private_desktop(JsonOut& json, const Core& core, std::uint32_t index) {
    const DesktopRow& desktop = core.desktop(index);
    const VmRow& vm = core.vm(desktop.vm);
    json.object();
    json.member("user", desktop.record.user.view());
    json.member("pool", desktop.record.pool.view());
    json.member("vm", desktop.record.name.view());
    json.member("vm_uuid", desktop.record.uuid);
    json.member("state", to_string(desktop.record.state));
    json.member("since", desktop.record.since);
    json.key("host");
    if (vm.host == no_row) {
        json.null();
    } else {
        json.text(core.host(vm.host).record.name.view());
    }
    json.member("disks_made", desktop.record.volumes);
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

std::vector<std::string_view> private_desktop_headings() {
    return {"USER", "POOL", "VM", "STATE", "HOST", "SESSION", "TROUBLE"};
}

void private_desktop_row(TextTable& table, const Core& core, std::uint32_t index) {
    const DesktopRow& desktop = core.desktop(index);
    const VmRow& vm = core.vm(desktop.vm);
    table.cell(desktop.record.user.view());
    table.cell(desktop.record.pool.view());
    table.cell(desktop.record.name.view());
    table.cell(to_string(desktop.record.state));
    table.cell(vm.host == no_row ? std::string_view{} : core.host(vm.host).record.name.view());
    table.cell(desktop.record.session == 0 ? std::string{} : std::to_string(desktop.record.session));
    table.cell(desktop.trouble.view());
}

void render_session(JsonOut& json, const Core& core, std::uint32_t index) {
    const SessionRow& session = core.session(index);
    const SessionRecord& record = session.record;
    json.object();
    json.member("id", record.id);
    json.member("user", record.user.view());
    json.member("pool", record.pool.view());
    json.member("private", record.personal);
    json.member("state", to_string(record.state));
    json.member("vm", record.desktop_name.view());
    json.member("vm_uuid", record.desktop);
    json.member("taken_from", to_string(record.taken_from));
    json.key("host");
    const std::uint32_t host =
        session.desktop == no_row ? no_row : core.vm(core.desktop(session.desktop).vm).host;
    if (host == no_row) {
        json.null();
    } else {
        json.text(core.host(host).record.name.view());
    }
    render_endpoint(json, core, session);
    if (!record.client_address.empty()) {
        json.member("client_address", record.client_address.view());
    }
    render_timers(json, core, session);
    if (record.decision != 0) {
        json.member("decision", record.decision);
    }
    json.member("requested_at", record.requested);
    json.member("opened_at", record.opened);
    json.member("ended_at", record.ended);
    if (record.ended_by != Cause::none) {
        json.member("ended_by", to_string(record.ended_by));
    }
    if (!record.detail.empty()) {
        json.member("detail", record.detail.view());
    }
    json.end_object();
}

std::vector<std::string_view> session_headings() {
    return {"ID", "USER", "POOL", "VM", "STATE", "FROM", "ENDPOINT", "OPENED", "ENDED_BY"};
}

void session_row(TextTable& table, const Core& core, std::uint32_t index) {
    const SessionRow& session = core.session(index);
    const DesktopEndpoint endpoint = endpoint_of(core, session);
    table.cell(session.record.id);
    table.cell(session.record.user.view());
    table.cell(session.record.pool.view());
    table.cell(session.record.desktop_name.view());
    table.cell(to_string(session.record.state));
    table.cell(to_string(session.record.taken_from));
    table.cell(endpoint.port == 0 ? std::string{}
                                  : std::string{endpoint.host} + ':' + std::to_string(endpoint.port));
    table.cell(session.record.opened.unix_ms == 0 ? std::string{} : rfc3339(session.record.opened));
    table.cell(session.record.ended_by == Cause::none ? std::string_view{}
                                                      : to_string(session.record.ended_by));
}

void render_history(JsonOut& json, const Core& core, std::uint32_t index) {
    const VmRow& vm = core.vm(index);
    json.object();
    json.member("vm", vm.record.name.view());
    json.member("vm_uuid", vm.record.uuid);
    json.member("kept", vm.history.size());
    json.member("older_left_out", vm.history.count - vm.history.size());
    json.key("changes");
    json.array();
    for (std::size_t age = 0; age < vm.history.size(); ++age) {
        const HistoryRow change = vm.history.newest(age);
        json.object();
        json.member("at", change.at);
        json.member("machine", to_string(change.machine));
        json.member("from", state_name(change.machine, change.from));
        json.member("to", state_name(change.machine, change.to));
        json.member("cause", to_string(change.cause));
        if (change.subject != 0) {
            json.member(change.machine == MachineKind::session ? "session" : "job", change.subject);
        }
        if (change.decision != 0) {
            json.member("decision", change.decision);
        }
        json.end_object();
    }
    json.end_array();
    json.end_object();
}

std::vector<std::string_view> history_headings() {
    return {"AT", "MACHINE", "FROM", "TO", "CAUSE", "ID", "DECISION"};
}

void history_rows(TextTable& table, const Core& core, std::uint32_t index) {
    const VmRow& vm = core.vm(index);
    const auto number = [](std::uint64_t id) { return id == 0 ? std::string{} : std::to_string(id); };
    for (std::size_t age = 0; age < vm.history.size(); ++age) {
        const HistoryRow change = vm.history.newest(age);
        table.cell(rfc3339(change.at));
        table.cell(to_string(change.machine));
        table.cell(state_name(change.machine, change.from));
        table.cell(state_name(change.machine, change.to));
        table.cell(to_string(change.cause));
        table.cell(number(change.subject));
        table.cell(number(change.decision));
    }
}

}  // namespace ballast::controller::http
