// The message that tells an agent to begin.
#include <algorithm>

#include "controller/core/core.hpp"
#include "controller/core/desktop/parts.hpp"

namespace ballast::controller {
namespace {

// The slower of two uplinks; one that is unknown says nothing.
std::uint32_t slower_mbps(std::uint32_t a, std::uint32_t b) noexcept {
    return a == 0 || b == 0 ? std::max(a, b) : std::min(a, b);
}

void fill_migration(const Tables& t, const JobRow& job, JobKind kind, wire::JobOrder& out) noexcept {
    const bool incoming = kind == JobKind::migrate_in;
    out.migration_id = job.record.migration_id;
    out.mode = job.record.mode;
    out.copy_storage = job.record.copy_storage;
    out.bandwidth_mbps = job.record.bandwidth_mbps;
    out.peer_host = incoming ? job.record.source.host : job.record.destination.host;
    out.memory_kib = job.record.memory_mib * 1024;
    const std::uint32_t peer = incoming ? job.source_host : job.destination_host;
    const std::uint32_t own = incoming ? job.destination_host : job.source_host;
    if (peer == no_row || own == no_row) {
        return;
    }
    out.link_mbps = slower_mbps(t.hosts[own].net_mbps, t.hosts[peer].net_mbps);
    if (!incoming) {
        out.peer_address = t.hosts[peer].migration_address;
        out.peer_port = t.hosts[peer].migration_port;
    }
}

}  // namespace

void Core::fill_order(const SendOrder& order, const Now& now, wire::JobOrder& out) const noexcept {
    const JobRow& job = tables_->jobs[order.job];
    BALLAST_ASSERT(job.in_use);
    out = wire::JobOrder{};
    out.job_id = job.record.id;
    out.kind = order.kind;
    out.uuid = job.record.vm_uuid;
    out.name = job.record.vm_name;
    // The controller waits longer than the agent may take, so that the agent's word comes first.
    const std::int64_t left_ms = (job.deadline - now.mono).ms - tables_->settings.deadline_grace.ms;
    out.deadline_ms = static_cast<std::uint32_t>(std::clamp<std::int64_t>(left_ms, 1000, UINT32_MAX));
    // On the destination of a migration there is no guest yet that could be in any state.
    if (order.kind != JobKind::migrate_in) {
        out.expected_states = job.record.expected_states;
    }
    if (job.record.kind == JobKind::migrate) {
        fill_migration(*tables_, job, order.kind, out);
    }
    const std::uint32_t desktop = job.vm == no_row ? no_row : tables_->vms[job.vm].desktop;
    if ((order.kind == JobKind::create || order.kind == JobKind::clone) && desktop != no_row) {
        out.has_spec = true;
        fill_desktop_spec(*tables_, tables_->desktops[desktop], out.spec);
    }
    const bool on_golden = order.kind == JobKind::clone || order.kind == JobKind::golden_keep ||
                           order.kind == JobKind::disk_delete;
    if (on_golden && desktop != no_row) {
        out.has_volume = true;
        fill_golden_volume(*tables_, tables_->desktops[desktop], out.volume);
    }
    if (order.kind == JobKind::disk_create && desktop != no_row) {
        out.has_volume = next_volume(*tables_, tables_->desktops[desktop], out.volume);
        in_store(tables_->hosts[job.source_host], out.volume);
    }
    if (order.kind == JobKind::create && job.vm != no_row && tables_->vms[job.vm].definition != no_row) {
        out.has_spec = true;
        out.spec = tables_->definitions[tables_->vms[job.vm].definition].spec;
    }
}

}  // namespace ballast::controller
