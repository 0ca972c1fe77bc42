// The pool as a whole: health, status, limits, snapshot.
#include <array>

#include "base/compose.hpp"
#include "controller/http/api.hpp"
#include "controller/http/feed/feed.hpp"
#include "controller/http/forms.hpp"
#include "controller/http/handlers.hpp"
#include "controller/http/server.hpp"
#include "shell/loop.hpp"

namespace ballast::controller::http {

namespace {

constexpr std::size_t host_states_count = 5;

struct PoolCensus {
    std::array<std::uint64_t, host_states_count> hosts{};
    std::array<std::uint64_t, vm_states_count> vms{};
    std::uint64_t hosts_all = 0;
    std::uint64_t vms_all = 0;
    std::uint64_t jobs_open = 0;
    std::uint64_t overloaded = 0;
    std::uint64_t hosts_measured =
        0;  // whose load is known: a host's first sample has counters only, no rates
};

PoolCensus census_of(const Core& core) {
    PoolCensus census;
    for (std::uint32_t i = 0; i < core.hosts().size(); ++i) {
        const HostRow& host = core.host(i);
        if (host.in_use) {
            ++census.hosts_all;
            ++census.hosts[static_cast<std::size_t>(host.state)];
            census.overloaded += host.state == HostState::up &&
                                 core.host_load(i).cpu >= core.settings().balance.parameters.critical_load;
            census.hosts_measured += host.state != HostState::down && host.dom0_cpu_cores.size > 0;
        }
    }
    for (const VmRow& vm : core.vms()) {
        if (vm.in_use) {
            ++census.vms_all;
            ++census.vms[static_cast<std::size_t>(vm.state)];
        }
    }
    for (const JobRow& job : core.jobs()) {
        census.jobs_open += job.in_use && !ended(job.record.state);
    }
    return census;
}

template <class State, std::size_t n>
void write_census(JsonOut& json, std::string_view name, std::uint64_t all,
                  const std::array<std::uint64_t, n>& by_state) {
    json.key(name);
    json.object();
    json.member("all", all);
    for (std::size_t i = 0; i < n; ++i) {
        if (by_state[i] != 0) {
            json.member(to_string(static_cast<State>(i)), by_state[i]);
        }
    }
    json.end_object();
}

void write_balance(JsonOut& json, const Core& core) {
    const BalanceSettings& balance = core.settings().balance;
    json.key("balance");
    json.object();
    json.member("enabled", balance.enabled);
    json.member("policy", balance.policy.view());
    json.member("critical_load", balance.parameters.critical_load);
    json.member("window", balance.parameters.window);
    json.member("cool_down_seconds", balance.parameters.cool_down_seconds);
    json.key("last_decision");
    if (const DecisionRow* decision = core.last_balancing_decision(); decision != nullptr) {
        render_decision(json, *decision);
    } else {
        json.null();
    }
    json.end_object();
}

std::string status_text(const Core& core, const PoolCensus& census) {
    TextTable table{{"WHAT", "ALL", "DETAIL"}};
    const auto detail = [](const auto& by_state, auto state) {
        std::string text;
        for (std::size_t i = 0; i < by_state.size(); ++i) {
            if (by_state[i] != 0) {
                text += (text.empty() ? "" : ", ") + std::to_string(by_state[i]) + ' ' +
                        std::string{to_string(static_cast<decltype(state)>(i))};
            }
        }
        return text;
    };
    table.cell("hosts"), table.cell(census.hosts_all), table.cell(detail(census.hosts, HostState::up));
    table.cell("overloaded"), table.cell(census.overloaded);
    table.cell("at or above " +
               std::to_string(static_cast<int>(core.settings().balance.parameters.critical_load * 100)) +
               "% CPU");
    table.cell("vms"), table.cell(census.vms_all), table.cell(detail(census.vms, VmState::running));
    table.cell("open jobs"), table.cell(census.jobs_open), table.cell("");
    const DecisionRow* decision = core.last_balancing_decision();
    table.cell("balancing"), table.cell(core.settings().balance.enabled ? "on" : "off");
    const std::uint64_t there = census.hosts_all - census.hosts[static_cast<std::size_t>(HostState::down)];
    table.cell(census.hosts_measured < there
                   ? std::string{compose("waits for samples: ", census.hosts_measured, " of ", there,
                                         " hosts have been measured")
                                     .view()}
               : decision != nullptr ? std::string{decision->why.view()}
                                     : std::string{});
    return table.text();
}

}  // namespace

Answer healthz(Api&, const Call&) {
    return Reply{.body = "{\"status\":\"ok\"}\n"};
}

Answer readyz(Api& api, const Call&) {
    const bool ready = api.core().ready(now());
    Reply reply{.status = ready ? 200U : 503U, .body = ready ? "{\"ready\":true}\n" : "{\"ready\":false}\n"};
    if (!ready) {
        reply.headers.emplace_back("Retry-After", "1");
    }
    return reply;
}

Answer get_status(Api& api, const Call& call) {
    const Core& core = api.core();
    const PoolCensus census = census_of(core);
    Reply reply;
    if (call.request.format == Format::text) {
        reply.content_type = "text/plain; charset=utf-8";
        reply.body = status_text(core, census);
        return reply;
    }
    const Surroundings& around = api.surroundings();
    JsonOut json{reply.body, reply_bytes_max};
    json.object();
    json.member("version", BALLAST_VERSION);
    json.member("started_at", around.started);
    json.member("uptime_seconds", (mono_now() - around.started_mono).ms / 1000);
    json.member("ready", core.ready(now()));
    write_census<HostState>(json, "hosts", census.hosts_all, census.hosts);
    write_census<VmState>(json, "vms", census.vms_all, census.vms);
    json.member("jobs_open", census.jobs_open);
    json.member("hosts_overloaded", census.overloaded);
    json.member("hosts_measured", census.hosts_measured);
    write_balance(json, core);
    json.key("memory");
    json.object();
    json.member("reserved_bytes", around.reserved_bytes);
    json.member("locked", around.memory_locked);
    json.end_object();
    if (!api.engine().trouble().empty()) {
        json.member("store_trouble", api.engine().trouble());
    }
    json.member("store_bytes", api.engine().store().bytes_on_disk());
    json.end_object();
    json.next_document();
    return reply;
}

Answer get_limits(Api& api, const Call& call) {
    LimitUses uses = api.core().limits();
    (void)uses.try_push({"http_connections", api.surroundings().http_connections_max,
                         api.surroundings().server->counters().connections_now, 0});
    const Feed& feed = *api.surroundings().feed;
    (void)uses.try_push({"events", feed.ring().events_max(), feed.ring().count(), 0});
    (void)uses.try_push({"event_readers", feed.limits().readers,
                         api.surroundings().server->counters().readers_now, api.readers_refused()});
    const Tokens& tokens = api.tokens();
    (void)uses.try_push({"tokens", tokens.count_max(), tokens.all().size(), tokens.refused_full()});
    std::vector<ListItem> items;
    for (std::uint32_t i = 0; i < uses.size(); ++i) {
        items.push_back(ListItem::named(uses[i].name, i));
    }
    const ListForm form{"limits",
                        {"NAME", "LIMIT", "USED", "REFUSED"},
                        [&](JsonOut& json, std::uint32_t i) {
                            json.object();
                            json.member("name", uses[i].name);
                            json.member("limit", uses[i].limit);
                            json.member("used", uses[i].used);
                            json.member("refused", uses[i].refused);
                            json.end_object();
                        },
                        [&](TextTable& table, std::uint32_t i) {
                            table.cell(uses[i].name);
                            table.cell(uses[i].limit);
                            table.cell(uses[i].used);
                            table.cell(uses[i].refused);
                        }};
    return list_reply(call.request, Page{}, std::move(items), form);
}

Answer get_snapshot(Api& api, const Call& call) {
    Reply reply;
    JsonOut json{reply.body, reply_bytes_max};
    render_snapshot(json, api.core(), wall_now());
    json.next_document();
    if (json.overflowed()) {
        return api.refuse(call.request, {.slug = Slug::limit_reached,
                                         .detail = "the snapshot is larger than an answer may be",
                                         .limit = "reply_bytes"});
    }
    return reply;
}

}  // namespace ballast::controller::http
