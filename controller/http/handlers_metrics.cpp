// /metrics. Base units (seconds, bytes, ratios); labels are host names and our own words, never uuids, guests
// or users.
#include <array>

#include "controller/agents.hpp"
#include "controller/http/api.hpp"
#include "controller/http/feed/feed.hpp"
#include "controller/http/handlers.hpp"
#include "controller/http/metrics_out.hpp"
#include "controller/http/server.hpp"
#include "shell/loop.hpp"

namespace ballast::controller::http {

namespace {

constexpr std::uint64_t bytes_per_mib = 1024 * 1024;

// One gauge over all hosts.
template <class Value>
void each_host(MetricsOut& out, const Core& core, std::string_view name, std::string_view help, Value value) {
    out.metric(name, "gauge", help);
    for (std::uint32_t i = 0; i < core.hosts().size(); ++i) {
        if (core.host(i).in_use) {
            out.value("host", core.host(i).record.name.view(), value(i));
        }
    }
}

void write_hosts(MetricsOut& out, const Core& core) {
    each_host(out, core, "ballast_host_up", "1 when the host's agent is connected and its samples are fresh.",
              [&](std::uint32_t i) {
                  const HostState state = core.host(i).state;
                  return std::uint64_t{state != HostState::down && state != HostState::suspect};
              });
    each_host(out, core, "ballast_host_cpu_ratio", "Mean CPU utilisation over the window, guests and dom0.",
              [&](std::uint32_t i) { return core.host_load(i).cpu; });
    each_host(out, core, "ballast_host_memory_bytes", "Memory of the host.",
              [&](std::uint32_t i) { return core.host(i).memory_mib * bytes_per_mib; });
    each_host(out, core, "ballast_host_memory_used_bytes",
              "Memory of the host's guests, moves in flight included.",
              [&](std::uint32_t i) { return core.host_memory_used_mib(i) * bytes_per_mib; });
    each_host(out, core, "ballast_host_vms", "Guests on the host.",
              [&](std::uint32_t i) { return std::uint64_t{core.host(i).guests}; });
    each_host(out, core, "ballast_host_migrations_in", "Migrations into the host under way.",
              [&](std::uint32_t i) { return std::uint64_t{core.host(i).migrations_in}; });
    each_host(out, core, "ballast_host_migrations_out", "Migrations out of the host under way.",
              [&](std::uint32_t i) { return std::uint64_t{core.host(i).migrations_out}; });
}

void write_vms(MetricsOut& out, const Core& core) {
    std::array<std::uint64_t, vm_states_count> by_state{};
    for (const VmRow& vm : core.vms()) {
        if (vm.in_use) {
            ++by_state[static_cast<std::size_t>(vm.state)];
        }
    }
    out.metric("ballast_vms", "gauge", "Guests by state.");
    for (std::size_t i = 0; i < by_state.size(); ++i) {
        out.value("state", to_string(static_cast<VmState>(i)), by_state[i]);
    }
    out.metric("ballast_vm_transitions_total", "counter", "Changes of guests' states.");
    const Counters& counters = core.counters();
    for (std::size_t from = 0; from < vm_states_count; ++from) {
        for (std::size_t to = 0; to < vm_states_count; ++to) {
            if (counters.vm_transitions[from][to] != 0) {
                out.value("from", to_string(static_cast<VmState>(from)), "to",
                          to_string(static_cast<VmState>(to)), counters.vm_transitions[from][to]);
            }
        }
    }
}

void write_jobs(MetricsOut& out, const Counters& counters) {
    out.metric("ballast_jobs_total", "counter", "Jobs by kind: made (queued) and ended.");
    for (std::size_t kind = static_cast<std::size_t>(JobKind::create);
         kind <= static_cast<std::size_t>(JobKind::migrate); ++kind) {
        for (const JobState state :
             {JobState::queued, JobState::succeeded, JobState::failed, JobState::cancelled}) {
            out.value("kind", to_string(static_cast<JobKind>(kind)), "state", to_string(state),
                      counters.jobs[kind][static_cast<std::size_t>(state)]);
        }
    }
    out.metric("ballast_job_faults_total", "counter", "Failed jobs by reason.");
    for (std::size_t fault = 1; fault < faults_count; ++fault) {
        if (counters.job_faults[fault] != 0) {
            out.value("fault", to_string(static_cast<Fault>(fault)), counters.job_faults[fault]);
        }
    }
    out.metric("ballast_refusals_total", "counter", "Commands that the core answered with a problem.");
    for (std::size_t slug = 1; slug < slugs_count; ++slug) {
        out.value("slug", controller::to_string(static_cast<controller::Slug>(slug)),
                  counters.problems[slug]);
    }
}

void write_counters(MetricsOut& out, const Counters& counters) {
    struct Row {
        std::string_view name;
        std::string_view help;
        std::uint64_t value;
    };
    const Row rows[] = {
        {"ballast_events_total", "Events that the core has handled.", counters.events},
        {"ballast_hellos_accepted_total", "Agents that were let in.", counters.hellos_accepted},
        {"ballast_hellos_refused_total", "Agents that were turned away.", counters.hellos_refused},
        {"ballast_links_lost_total", "Connections of agents that ended.", counters.links_lost},
        {"ballast_host_reports_total", "Inventories received.", counters.host_reports},
        {"ballast_samples_total", "Sample reports received.", counters.samples},
        {"ballast_samples_ignored_total", "Samples out of sequence, or of a guest that is elsewhere.",
         counters.samples_ignored},
        {"ballast_hosts_became_stale_total", "Times that a host's samples stopped.",
         counters.hosts_became_stale},
        {"ballast_duplicates_seen_total", "Guests that executed on two hosts.", counters.duplicates_seen},
        {"ballast_protocol_faults_total", "Messages that broke the protocol.", counters.protocol_faults},
        {"ballast_orphan_results_total", "Results of jobs that this controller never made.",
         counters.orphan_results},
        {"ballast_orders_sent_total", "Orders sent to agents.", counters.orders_sent},
        {"ballast_idempotent_replays_total", "Requests answered from an idempotency key.",
         counters.idempotent_replays},
        {"ballast_planning_rounds_total", "Times that the policy was asked.", counters.planning_rounds},
        {"ballast_moves_planned_total", "Moves in plans.", counters.moves_planned},
        {"ballast_moves_skipped_total", "Moves that were no longer possible when their turn came.",
         counters.moves_skipped},
        {"ballast_sessions_denied_total", "Logins for which there was no desktop.", counters.sessions_denied},
        {"ballast_desktop_starts_failed_total", "Desktops that failed, while they started or later.",
         counters.desktop_starts_failed},
        {"ballast_desktop_deadlines_missed_total",
         "Desktops that stayed in a transitional state for too long.", counters.desktop_deadlines_missed},
        {"ballast_wake_probes_total", "Woken guests that were asked whether they are alive.",
         counters.wake_probes},
        {"ballast_guest_signals_total", "What guests said of themselves.", counters.guest_signals},
        {"ballast_guest_signals_ignored_total", "Signals of nobody who was asked, or not well-formed.",
         counters.guest_signals_ignored},
        {"ballast_relay_statuses_total", "What agents said of relays.", counters.relay_statuses},
        {"ballast_migration_memory_bytes_total", "Guest memory fed into migration streams.",
         counters.migration_memory_bytes},
        {"ballast_migration_wire_bytes_total", "Bytes that migrations sent.", counters.migration_wire_bytes},
    };
    for (const Row& row : rows) {
        out.metric(row.name, "counter", row.help);
        out.value(row.value);
    }
    out.metric("ballast_migration_downtime_seconds_total", "counter",
               "Time that migrated guests did not run.");
    out.value(static_cast<double>(counters.migration_downtime_ms) / 1000);
}

void write_desktops(MetricsOut& out, const Core& core) {
    std::array<std::uint64_t, desktop_states_count> by_state{};
    for (const DesktopRow& desktop : core.desktops()) {
        if (desktop.in_use) {
            ++by_state[static_cast<std::size_t>(desktop.record.state)];
        }
    }
    std::array<std::uint64_t, 4> sessions{};
    for (const SessionRow& session : core.sessions()) {
        if (session.in_use) {
            ++sessions[static_cast<std::size_t>(session.record.state)];
        }
    }
    const Counters& counters = core.counters();
    out.metric("ballast_desktops", "gauge", "Desktops by state.");
    for (std::size_t i = 0; i < by_state.size(); ++i) {
        out.value("state", to_string(static_cast<DesktopState>(i)), by_state[i]);
    }
    out.metric("ballast_sessions", "gauge", "Sessions by state; those that are over are shown for a while.");
    for (std::size_t i = 0; i < sessions.size(); ++i) {
        out.value("state", to_string(static_cast<SessionState>(i)), sessions[i]);
    }
    out.metric("ballast_grants_total", "counter", "Sessions granted, by the tier that they were taken from.");
    for (const DesktopState tier :
         {DesktopState::ready, DesktopState::paused, DesktopState::saved, DesktopState::inactive}) {
        out.value("tier", to_string(tier), counters.grants[static_cast<std::size_t>(tier)]);
    }
    out.metric("ballast_sessions_ended_total", "counter", "Sessions ended, by why.");
    for (std::size_t cause = 1; cause < causes_count; ++cause) {
        if (counters.sessions_ended[cause] != 0) {
            out.value("cause", to_string(static_cast<Cause>(cause)), counters.sessions_ended[cause]);
        }
    }
}

void write_http(MetricsOut& out, const Api& api) {
    const ServerCounters& http = api.surroundings().server->counters();
    out.metric("ballast_http_connections", "gauge", "Open HTTP connections.");
    out.value(http.connections_now);
    out.metric("ballast_http_waiting", "gauge", "Requests that wait for a job.");
    out.value(http.waiting_now);
    out.metric("ballast_http_requests_total", "counter", "Requests begun.");
    out.value(http.requests);
    out.metric("ballast_http_replies_total", "counter", "Answers by class of status.");
    for (std::size_t i = 2; i < std::size(http.replies_by_class); ++i) {
        out.value("class", std::to_string(i) + "xx", http.replies_by_class[i]);
    }
    out.metric("ballast_event_readers", "gauge", "Streams of events, and requests that wait for one.");
    out.value(http.readers_now);
    out.metric("ballast_event_readers_refused_total", "counter", "Readers refused by limits.event_readers.");
    out.value(api.readers_refused());
    out.metric("ballast_event_readers_cut_off_total", "counter",
               "Readers so slow that the next event was gone before they had taken the one before.");
    out.value(http.readers_cut_off);
    out.metric("ballast_events_total", "counter", "Events since the start.");
    out.value(api.surroundings().feed->events_total());
    out.metric("ballast_http_refused_total", "counter", "Requests refused before an operation saw them.");
    out.value("why", "header", http.refused_header);
    out.value("why", "body", http.refused_body);
    out.value("why", "unauthenticated", http.refused_unauthenticated);
    out.value("why", "slow", http.cut_off_slow);
    const GateCounters& logins = api.gate().counters();
    out.metric("ballast_http_logins_failed_total", "counter",
               "Tokens that were unknown, expired or revoked.");
    out.value(logins.logins_failed);
    out.metric("ballast_http_logins_limited_total", "counter",
               "Tokens not looked at, because too many wrong ones came from the address.");
    out.value(logins.logins_limited);
}

void write_process(MetricsOut& out, const Api& api) {
    const Surroundings& around = api.surroundings();
    out.metric("ballast_build_info", "gauge", "Version of the controller.");
    out.value("version", BALLAST_VERSION, std::uint64_t{1});
    out.metric("ballast_uptime_seconds", "gauge", "Time since the start.");
    out.value(static_cast<double>((mono_now() - around.started_mono).ms) / 1000);
    out.metric("ballast_ready", "gauge", "1 when all known hosts have reported.");
    out.value(std::uint64_t{api.core().ready(now())});
    out.metric("ballast_reserved_bytes", "gauge", "Memory that the core reserved at the start.");
    out.value(around.reserved_bytes);
    out.metric("ballast_store_bytes", "gauge", "Size of the store on disk.");
    out.value(api.engine().store().bytes_on_disk());
    out.metric("ballast_store_commits_total", "counter", "Synced commits of the store.");
    out.value(api.engine().store().commits());
    out.metric("ballast_agent_links", "gauge", "Connections of agents.");
    out.value(std::uint64_t{around.agents->connected()});
    out.metric("ballast_agent_links_refused_total", "counter",
               "Connections of agents refused by limits.links.");
    out.value(around.agents->refused());
    out.metric("ballast_agent_received_bytes_total", "counter", "Bytes received from agents.");
    out.value(around.agents->bytes_received());
    out.metric("ballast_agent_sent_bytes_total", "counter", "Bytes sent to agents.");
    out.value(around.agents->bytes_sent());
    out.metric("ballast_limit", "gauge", "Rows of each table.");
    const LimitUses uses = api.core().limits();
    for (const LimitUse& use : uses) {
        out.value("limit", use.name, use.limit);
    }
    out.metric("ballast_limit_used", "gauge", "Rows of each table in use.");
    for (const LimitUse& use : uses) {
        out.value("limit", use.name, use.used);
    }
    out.metric("ballast_limit_refused_total", "counter", "Requests turned away by each limit.");
    for (const LimitUse& use : uses) {
        out.value("limit", use.name, use.refused);
    }
}

}  // namespace

Answer get_metrics(Api& api, const Call&) {
    Reply reply;
    reply.content_type = "text/plain; version=0.0.4; charset=utf-8";
    MetricsOut out{reply.body};
    write_process(out, api);
    write_hosts(out, api.core());
    write_vms(out, api.core());
    write_jobs(out, api.core().counters());
    write_desktops(out, api.core());
    write_counters(out, api.core().counters());
    write_http(out, api);
    return reply;
}

}  // namespace ballast::controller::http
