#include <array>

#include "controller/http/metrics_parts.hpp"
#include "shell/loop.hpp"

namespace ballast::controller::http {

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
    out.metric("ballast_session_grant_seconds", "histogram",
               "From the request of a session until it was open, by the tier that it was taken from.");
    for (const DesktopState tier :
         {DesktopState::ready, DesktopState::paused, DesktopState::saved, DesktopState::inactive}) {
        out.value("tier", to_string(tier), counters.grant_took[static_cast<std::size_t>(tier)]);
    }
    out.metric("ballast_sessions_ended_total", "counter", "Sessions ended, by why.");
    for (std::size_t cause = 1; cause < causes_count; ++cause) {
        if (counters.sessions_ended[cause] != 0) {
            out.value("cause", to_string(static_cast<Cause>(cause)), counters.sessions_ended[cause]);
        }
    }
}

void write_pools(MetricsOut& out, const Core& core) {
    const auto each_pool = [&](std::string_view name, std::string_view type, std::string_view help,
                               auto value) {
        out.metric(name, type, help);
        for (const DesktopPoolRow& pool : core.desktop_pools()) {
            if (pool.in_use) {
                value(pool, pool.record.name.view());
            }
        }
    };
    each_pool("ballast_pool_desktops", "gauge", "Desktops of each pool, by state.",
              [&](const DesktopPoolRow& pool, std::string_view name) {
                  std::array<std::uint64_t, desktop_states_count> by_state{};
                  for (const DesktopRow& desktop : core.desktops()) {
                      const bool member = desktop.in_use && desktop.record.pool == pool.record.name;
                      by_state[static_cast<std::size_t>(desktop.record.state)] += member ? 1 : 0;
                  }
                  for (std::size_t i = 0; i < by_state.size(); ++i) {
                      out.value("pool", name, "state", to_string(static_cast<DesktopState>(i)), by_state[i]);
                  }
              });
    each_pool("ballast_pool_target", "gauge", "Spare desktops that each pool is to keep.",
              [&](const DesktopPoolRow& pool, std::string_view name) {
                  const PoolTargets& targets = pool.record.targets;
                  out.value("pool", name, "state", "ready", std::uint64_t{targets.ready});
                  out.value("pool", name, "state", "paused", std::uint64_t{targets.paused});
                  out.value("pool", name, "state", "saved", std::uint64_t{targets.saved});
              });
    each_pool("ballast_pool_max", "gauge", "Most desktops of each pool.",
              [&](const DesktopPoolRow& pool, std::string_view name) {
                  out.value("pool", name, std::uint64_t{pool.record.targets.max});
              });
    each_pool("ballast_pool_enabled", "gauge", "1 when the pool grants and makes desktops.",
              [&](const DesktopPoolRow& pool, std::string_view name) {
                  out.value("pool", name, std::uint64_t{pool.record.enabled});
              });
    each_pool("ballast_pool_restrained", "gauge", "1 while the pool waits after starts that failed.",
              [&](const DesktopPoolRow& pool, std::string_view name) {
                  out.value("pool", name, std::uint64_t{pool.failures != 0 && mono_now() < pool.retry_at});
              });
    each_pool("ballast_pool_start_failures", "gauge", "Starts of the pool's desktops that failed in a row.",
              [&](const DesktopPoolRow& pool, std::string_view name) {
                  out.value("pool", name, std::uint64_t{pool.failures});
              });
    each_pool("ballast_pool_start_failures_total", "counter", "Starts of the pool's desktops that failed.",
              [&](const DesktopPoolRow& pool, std::string_view name) {
                  out.value("pool", name, pool.failed_ever);
              });
    each_pool(
        "ballast_pool_grants_total", "counter", "Sessions that the pool granted.",
        [&](const DesktopPoolRow& pool, std::string_view name) { out.value("pool", name, pool.grants); });
    each_pool(
        "ballast_pool_denials_total", "counter", "Logins for which the pool had no desktop.",
        [&](const DesktopPoolRow& pool, std::string_view name) { out.value("pool", name, pool.denials); });
}

}  // namespace ballast::controller::http
