// What the controller promises of its jobs and its answers.
#include "sim/world.hpp"

namespace ballast::simulator {
namespace {

// How late the controller may notice: it ticks once a second, and waits for its disk.
constexpr std::int64_t slack_ns = 15 * second;

}  // namespace

void Controller::check_jobs() {
    std::map<std::uint64_t, Watched> open;
    const controller::Settings& settings = core_->settings();
    for (const controller::JobRow& job : core_->jobs()) {
        if (!job.in_use || ended(job.record.state)) {
            continue;
        }
        Watched watched{world_.engine.now_ns, 1, life_};
        if (const auto known = open_jobs_.find(job.record.id); known != open_jobs_.end()) {
            watched = known->second;
            if (watched.last_life != life_) {
                // A deadline that was kept in calendar time is taken up again, and is never longer than a
                // fresh one.
                watched = {world_.engine.now_ns, watched.lives + 1, life_};
            }
        }
        const Duration patience = settings.deadline(job.record.kind) + settings.deadline_grace;
        if (world_.engine.now_ns - watched.made_ns > patience.ms * ms + slack_ns) {
            world_.engine.broken(Invariant::every_job_ends,
                                 "job {} ({} of {}) has not ended {} s after its deadline", job.record.id,
                                 to_string(job.record.kind), job.record.vm_name.view(),
                                 (world_.engine.now_ns - watched.made_ns - patience.ms * ms) / second);
        }
        open[job.record.id] = watched;
    }
    open_jobs_ = std::move(open);
}

void Controller::check_memory_of_answers() {
    for (const auto& [id, uuid] : answered_) {
        if (settled_.contains(id)) {
            continue;
        }
        const std::uint32_t row = core_->find_job(id);
        if (row == controller::no_row) {
            world_.engine.broken(Invariant::durable,
                                 "job {} was acknowledged, and is not known after a restart", id);
        } else if (core_->job(row).record.vm_uuid != uuid) {
            world_.engine.broken(Invariant::durable, "job {} has become another guest's over a restart", id);
        }
    }
}

// A guest is sent only to where it fits, with everything that is under way counted.
void Controller::check_admission(const controller::Action& action) {
    const auto* persisted = std::get_if<controller::PersistJob>(&action);
    if (persisted == nullptr) {
        return;
    }
    const controller::JobRow& job = core_->job(persisted->job);
    const bool fresh = job.record.state == JobState::queued && job.record.created == now().wall &&
                       job.record.source.state != controller::SideState::ended;
    const bool needs_room = job.record.kind == JobKind::migrate || job.record.kind == JobKind::create;
    const std::uint32_t host = job.record.kind == JobKind::migrate ? job.destination_host : job.source_host;
    if (!fresh || !needs_room || host == controller::no_row) {
        return;
    }
    const std::uint64_t used_mib = core_->host_memory_used_mib(host);
    const std::uint64_t kept_mib = core_->host_memory_reserved_mib(host);
    const controller::HostRow& row = core_->host(host);
    if (used_mib + kept_mib > row.memory_mib) {
        world_.engine.broken(Invariant::memory,
                             "job {} over-commits {}: {} MiB used, {} MiB kept, {} MiB in all", job.record.id,
                             row.record.name.view(), used_mib, kept_mib, row.memory_mib);
    }
}

}  // namespace ballast::simulator
