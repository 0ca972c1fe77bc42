// /metrics. Base units (seconds, bytes, ratios); labels are host names and our own words, never uuids, guests
// or users.
#include <algorithm>
#include <array>
#include <cmath>

#include "controller/http/api.hpp"
#include "controller/http/handlers.hpp"
#include "controller/http/metrics_out.hpp"
#include "controller/http/metrics_parts.hpp"
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
    out.metric("ballast_host_report_age_seconds", "gauge",
               "Time since the host's newest samples came; absent before the first.");
    for (const HostRow& host : core.hosts()) {
        if (host.in_use && host.samples != 0) {
            const Duration age = mono_now() - host.last_sample;
            out.value("host", host.record.name.view(), static_cast<double>(age.ms) / 1000);
        }
    }
    each_host(out, core, "ballast_host_cordoned", "1 when no guest is to be placed on the host.",
              [&](std::uint32_t i) {
                  const HostRecord& record = core.host(i).record;
                  return std::uint64_t{record.cordoned || record.draining};
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

// The spread that balancing works against: the standard deviation of CPU utilisation over the hosts that are
// up.
void write_imbalance(MetricsOut& out, const Core& core) {
    double sum = 0;
    double squares = 0;
    double count = 0;
    for (std::uint32_t i = 0; i < core.hosts().size(); ++i) {
        if (core.host(i).in_use && core.host(i).state == HostState::up) {
            const double cpu = core.host_load(i).cpu;
            sum += cpu;
            squares += cpu * cpu;
            count += 1;
        }
    }
    const double mean = count > 0 ? sum / count : 0;
    const double variance = count > 0 ? squares / count - mean * mean : 0;
    out.metric("ballast_imbalance_cpu_ratio", "gauge",
               "Standard deviation of the CPU utilisation of the hosts that are up.");
    out.value(std::sqrt(std::max(variance, 0.0)));
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
        {"ballast_core_events_total", "Messages, requests and ticks that the core has handled.",
         counters.events},
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
        {"ballast_image_sketches_ignored_total",
         "Samples of guests' disk images that a host other than the guest's sent, or that were older than "
         "those known.",
         counters.image_sketches_ignored},
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
        {"ballast_plan_predictions_compared_total",
         "Plans whose predicted loads were compared with what was measured after them.",
         counters.predictions_compared},
        {"ballast_plan_predictions_missed_total",
         "Plans that could not be: other moves, or no samples, on every host.", counters.predictions_missed},
        {"ballast_sessions_denied_total", "Logins for which there was no desktop.", counters.sessions_denied},
        {"ballast_desktop_starts_failed_total", "Desktops that failed, while they started or later.",
         counters.desktop_starts_failed},
        {"ballast_desktop_deadlines_missed_total",
         "Desktops that stayed in a transitional state for too long.", counters.desktop_deadlines_missed},
        {"ballast_wake_probes_total",
         "Woken guests that were asked whether they are alive, or whose hosts were.", counters.wake_probes},
        {"ballast_guest_signals_total", "What guests said of themselves.", counters.guest_signals},
        {"ballast_guest_signals_ignored_total", "Signals of nobody who was asked, or not well-formed.",
         counters.guest_signals_ignored},
        {"ballast_relay_statuses_total", "What agents said of relays.", counters.relay_statuses},
        {"ballast_migration_image_wire_bytes_total", "Bytes that disk images of migrations took, both ways.",
         counters.migration_image_wire_bytes},
        {"ballast_migration_memory_bytes_total", "Guest memory fed into migration streams.",
         counters.migration_memory_bytes},
        {"ballast_migration_referenced_bytes_total",
         "Bytes of memory that did not travel, because the destination had the pages.",
         counters.migration_referenced_bytes},
        {"ballast_migration_wire_bytes_total", "Bytes that migrations sent for the memory.",
         counters.migration_wire_bytes},
    };
    for (const Row& row : rows) {
        out.metric(row.name, "counter", row.help);
        out.value(row.value);
    }
    out.metric("ballast_migration_downtime_seconds_total", "counter",
               "Time that migrated guests did not run.");
    out.value(static_cast<double>(counters.migration_downtime_ms) / 1000);
    out.metric("ballast_migration_seconds", "histogram",
               "Migrations that succeeded, from the first byte to the end.");
    out.value(counters.migration_took);
}

void write_predictions(MetricsOut& out, const PredictionError& error) {
    out.metric("ballast_plan_prediction_error_cpu_ratio", "summary",
               "How far a host's CPU utilisation after a plan was from the predicted one.");
    out.value(error.cpu.sum, error.cpu.count);
    out.metric("ballast_plan_prediction_error_duration_ratio", "summary",
               "How far the predicted duration of a plan's move was off, in parts of the real one.");
    out.value(error.duration.sum, error.duration.count);
    out.metric("ballast_plan_prediction_error_downtime_seconds", "summary",
               "How far the predicted downtime of a plan's move was off.");
    out.value(error.downtime_seconds.sum, error.downtime_seconds.count);
}

}  // namespace

Answer get_metrics(Api& api, const Call&) {
    Reply reply;
    reply.content_type = "text/plain; version=0.0.4; charset=utf-8";
    MetricsOut out{reply.body};
    write_process(out, api);
    write_hosts(out, api.core());
    write_imbalance(out, api.core());
    write_vms(out, api.core());
    write_jobs(out, api.core().counters());
    write_agents(out, api.core());
    write_desktops(out, api.core());
    write_pools(out, api.core());
    write_health(out, api);
    write_counters(out, api.core().counters());
    write_predictions(out, api.core().counters().prediction_error);
    write_http(out, api);
    write_feed(out, api);
    write_access(out, api);
    return reply;
}

}  // namespace ballast::controller::http
