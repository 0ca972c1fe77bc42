// The budget is measured, not written down: every row costs what building the tables with one more of it
// costs.
#include <algorithm>
#include <array>

#include "controller/core/core.hpp"
#include "controller/core/tables.hpp"

namespace ballast::controller {
namespace {

struct LimitRow {
    std::string_view name;
    std::uint32_t Limits::*count;
};
constexpr std::array limit_rows{
    LimitRow{"hosts", &Limits::hosts},
    LimitRow{"vms", &Limits::vms},
    LimitRow{"links", &Limits::links},
    LimitRow{"jobs", &Limits::jobs},
    LimitRow{"definitions", &Limits::definitions},
    LimitRow{"plans", &Limits::plans},
    LimitRow{"decisions", &Limits::decisions},
    LimitRow{"idempotency_keys", &Limits::idempotency_keys},
    LimitRow{"handover_queries", &Limits::handover_queries},
    LimitRow{"desktop_pools", &Limits::desktop_pools},
    LimitRow{"desktops", &Limits::desktops},
    LimitRow{"sessions", &Limits::sessions},
    LimitRow{"image_sketches", &Limits::image_sketches},
};

std::size_t tables_bytes(const Settings& settings) noexcept {
    Arena counting;
    counting.make_array<std::byte>(sizeof(Tables));
    const Tables tables{settings, counting};
    return counting.used_bytes();
}

}  // namespace

std::size_t Core::bytes_needed(const Settings& settings) noexcept {
    return tables_bytes(settings);
}

Budget Core::budget(const Settings& settings) noexcept {
    Budget budget;
    Settings rest = settings;
    std::size_t bytes_left = tables_bytes(rest);
    for (const LimitRow& row : limit_rows) {
        // Taken away one after the other, so that lists which two limits share are counted once and the rows
        // add up.
        rest.limits.*row.count = 0;
        const std::size_t bytes_without = tables_bytes(rest);
        const std::uint64_t count = settings.limits.*row.count;
        const std::uint64_t bytes = bytes_left - bytes_without;
        budget.push({row.name, count, count == 0 ? 0 : bytes / count, bytes});
        bytes_left = bytes_without;
    }
    budget.push({"fixed", 1, bytes_left, bytes_left});
    return budget;
}

LimitUses Core::limits() const noexcept {
    const Tables& t = *tables_;
    LimitUses uses;
    const auto add = [&uses](std::string_view name, const auto& table) {
        uses.push({name, table.limit(), table.used(), table.refused()});
    };
    add("hosts", t.hosts);
    add("vms", t.vms);
    add("links", t.links);
    add("jobs", t.jobs);
    add("definitions", t.definitions);
    add("plans", t.plans);
    uses.push({"decisions", t.decisions.size(), t.decisions_kept(), 0});
    add("idempotency_keys", t.keys);
    add("handover_queries", t.handovers);
    add("desktop_pools", t.desktop_pools);
    add("desktops", t.desktops);
    add("sessions", t.sessions);
    add("image_sketches", t.sketches);
    std::uint32_t most_jobs = 0;
    for (const HostRow& host : t.hosts.rows()) {
        most_jobs = std::max(most_jobs, host.open_jobs);
    }
    uses.push({"agent_jobs", t.settings.agent_jobs_max, most_jobs, t.agent_jobs_refused});  // of one host
    return uses;
}

}  // namespace ballast::controller
