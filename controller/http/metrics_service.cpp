#include "controller/agents.hpp"
#include "controller/http/feed/feed.hpp"
#include "controller/http/metrics_parts.hpp"
#include "controller/http/server.hpp"
#include "shell/footprint.hpp"
#include "shell/loop.hpp"
#include "shell/loop_turns.hpp"

namespace ballast::controller::http {

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
    out.metric("ballast_resident_bytes", "gauge", "Memory that the process has in use.");
    out.value(resident_bytes());
    out.metric("ballast_store_bytes", "gauge", "Size of the store on disk.");
    out.value(api.engine().store().bytes_on_disk());
    out.metric("ballast_store_commits_total", "counter", "Synced commits of the store.");
    out.value(api.engine().store().commits());
    out.metric("ballast_store_commit_seconds", "histogram", "Commits of the store, their sync included.");
    out.value(api.engine().store().commit_took());
    out.metric("ballast_store_fold_seconds", "histogram",
               "Times that the log of the store was folded back into its file.");
    out.value(api.engine().store().fold_took());
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

namespace {

void write_loop(MetricsOut& out, const LoopTurns& turns) {
    const auto of_parts = [&](double (LoopTurns::*seconds)(LoopPart) const noexcept) {
        for (std::size_t part = 0; part < turns.parts().size(); ++part) {
            out.value("part", turns.parts()[part], (turns.*seconds)(static_cast<LoopPart>(part)));
        }
    };
    out.metric(
        "ballast_loop_off_cpu_seconds_max", "gauge",
        "Longest time that one turn had no processor, because others ran or a disk was waited for; of this "
        "minute and the one before.");
    out.value(turns.longest_off_cpu_seconds());
    out.metric("ballast_loop_part_seconds_max", "gauge",
               "Longest time that one turn spent on each of its parts, of this minute and the one before.");
    of_parts(&LoopTurns::longest_seconds);
    out.metric("ballast_loop_part_seconds_total", "counter", "Time that turns spent on each of their parts.");
    of_parts(&LoopTurns::total_seconds);
}

}  // namespace

void write_health(MetricsOut& out, const Api& api) {
    const Surroundings& around = api.surroundings();
    out.metric("ballast_store_failing", "gauge",
               "1 while the store cannot be written and nothing can be changed.");
    out.value(std::uint64_t{!api.engine().trouble().empty()});
    out.metric("ballast_loop_turns_total", "counter", "Turns of the controller's loop.");
    out.value(around.turns->turns());
    out.metric("ballast_loop_slow_turns_total", "counter",
               "Turns in which the loop was blocked for over 20 ms.");
    out.value(around.turns->slow_turns());
    out.metric("ballast_loop_blocked_seconds_max", "gauge",
               "Longest time that one turn blocked the loop, of this minute and the one before.");
    out.value(around.turns->longest_seconds());
    write_loop(out, *around.turns);
    out.metric(
        "ballast_certificate_expires_timestamp_seconds", "gauge",
        "When the certificate shown to agents, and to operators, ends, in Unix time; absent without TLS.");
    const auto ends = [&out](std::string_view shown_to, WallTime at) {
        if (at.unix_ms != 0) {
            out.value("shown_to", shown_to, static_cast<double>(at.unix_ms) / 1000);
        }
    };
    ends("agents", around.agents->certificate_expires());
    ends("operators", around.server->certificate_ends());
}

void write_http(MetricsOut& out, const Api& api) {
    const ServerCounters& http = api.surroundings().server->counters();
    out.metric("ballast_http_connections", "gauge", "Open HTTP connections.");
    out.value(http.connections_now);
    out.metric("ballast_http_waiting", "gauge", "Requests that wait for a job.");
    out.value(http.waiting_now);
    out.metric("ballast_http_requests_total", "counter", "Requests begun.");
    out.value(http.requests);
    out.metric(
        "ballast_http_deferred_total", "counter",
        "Requests that came in a turn of the loop that had no time left, and were answered in a later one.");
    out.value(http.deferred);
    out.metric("ballast_http_replies_total", "counter", "Answers by class of status.");
    for (std::size_t i = 2; i < std::size(http.replies_by_class); ++i) {
        out.value("class", std::to_string(i) + "xx", http.replies_by_class[i]);
    }
    out.metric("ballast_http_operations_total", "counter",
               "Requests by operation and class of status; \"waits\": answered when a job ends.");
    for (std::size_t i = 0; i < api.answers().size(); ++i) {
        const Operation& operation = operations()[i];
        const std::string name = std::string{to_string(operation.method)} + " " + std::string{operation.path};
        for (std::size_t of_class = 0; of_class < api.answers()[i].size(); ++of_class) {
            if (const std::uint64_t count = api.answers()[i][of_class]; count != 0) {
                out.value("operation", name, "class",
                          of_class == 0 ? "waits" : std::to_string(of_class) + "xx", count);
            }
        }
    }
    out.metric("ballast_http_handling_seconds", "histogram",
               "Time that requests kept the controller's loop; waiting for jobs is not in it.");
    out.value(api.handling_took());
    out.metric(
        "ballast_http_change_seconds", "histogram",
        "Changes that were answered once they were on disk, by what their time went to: until they were "
        "decided, until the disk was free of what came before, until theirs was on it, until the answer.");
    for (std::size_t part = 0; part < change_part_names.size(); ++part) {
        out.value("part", change_part_names[part], http.changes_took[part]);
    }
}

void write_feed(MetricsOut& out, const Api& api) {
    const ServerCounters& http = api.surroundings().server->counters();
    out.metric("ballast_event_readers", "gauge", "Streams of events, and requests that wait for one.");
    out.value(http.readers_now);
    out.metric("ballast_event_readers_refused_total", "counter", "Readers refused by limits.event_readers.");
    out.value(api.readers_refused());
    out.metric("ballast_event_readers_cut_off_total", "counter",
               "Readers so slow that the next event was gone before they had taken the one before.");
    out.value(http.readers_cut_off);
    out.metric("ballast_events_total", "counter", "Events since the start.");
    out.value(api.surroundings().feed->events_total());
}

void write_access(MetricsOut& out, const Api& api) {
    const ServerCounters& http = api.surroundings().server->counters();
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
    out.metric("ballast_audit_entries_total", "counter", "Entries written to the audit log.");
    out.value(api.audit().written());
    out.metric("ballast_audit_lost_total", "counter", "Entries that could not be written to the audit log.");
    out.value(api.audit().lost());
}

}  // namespace ballast::controller::http
