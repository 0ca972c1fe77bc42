// Disks and golden files of the store. Their workers alone look at the store, which may wait for a file
// server; what they make is there as a whole or not at all, and a second run finishes or repeats what the
// first has begun.
#include <algorithm>

#include "agent/core/core.hpp"
#include "agent/core/store_paths.hpp"

namespace ballast::agent {
namespace {

constexpr Duration look_for_proof_every = seconds(1);

}  // namespace

void Core::decide_on_file(std::uint32_t row, Actions& out) noexcept {
    Row& job = rows_[row];
    if (job.worker != no_worker || job.helper != no_worker) {
        return;
    }
    if (job.run_again && job.record.fault == Fault::none && !job.truth.store_proven) {
        wake_after(job, look_for_proof_every);  // a new agent has its store proven anew
    } else if (job.run_again && job.record.fault == Fault::none) {
        job.run_again = false;
        const WorkerOp op = job.record.kind == JobKind::disk_create   ? WorkerOp::disk_create
                            : job.record.kind == JobKind::disk_delete ? WorkerOp::disk_delete
                                                                      : WorkerOp::golden_keep;
        start_worker(row, op, out);
        out[out.size() - 1].again = true;
    } else if (job.worker_ok) {
        succeed(row, out);
    } else if (job.record.kind != JobKind::disk_delete && !job.worker_failed && !job.discarded) {
        // A worker that could not clean up behind itself.
        job.discarded = true;
        start_helper(row, WorkerOp::disk_discard, out);
    } else {
        fail(row, out);
    }
}

// The order alone.
Fault Core::check_volume(const wire::JobOrder& order, Detail& detail) const noexcept {
    const bool needs_volume = on_store_only(order.kind) || order.kind == JobKind::clone;
    if (!needs_volume) {
        return Fault::none;
    }
    const wire::Volume& volume = order.volume;
    if (!order.has_volume || !valid_store_path(volume.path)) {
        detail =
            "volume.path: expected a path below the store, of letters, digits and ._-+, at most 180 bytes";
        return Fault::invalid_argument;
    }
    const bool blank = volume.source == wire::VolumeSource::blank;
    if (order.kind == JobKind::disk_create && !blank && !valid_template_path(volume.template_path)) {
        detail =
            "volume.template_path: expected a path below the store, or an absolute one, of letters, digits "
            "and ._-+";
        return Fault::invalid_argument;
    }
    if (order.kind == JobKind::disk_create && blank &&
        (volume.size_bytes == 0 || volume.size_bytes > INT64_MAX)) {
        detail = "volume.size_bytes must be given for a blank disk";
        return Fault::invalid_argument;
    }
    return Fault::none;
}

// The order against what this host knows of its store.
Fault Core::check_store(const Row& row, const wire::JobOrder& order, Detail& detail) const noexcept {
    const std::string_view directory = settings_.store_directory;
    const auto in_store = [directory](const wire::Disk& disk) {
        const std::string_view target = disk.target;
        return !directory.empty() && target.starts_with(directory) && target.size() > directory.size() &&
               target[directory.size()] == '/';
    };
    const bool needed =
        on_store_only(order.kind) || order.kind == JobKind::clone ||
        (order.has_spec && std::any_of(order.spec.disks.begin(), order.spec.disks.end(), in_store));
    if (!needed) {
        return Fault::none;
    }
    if (directory.empty()) {
        detail = "this host has no store (store.directory)";
        return Fault::unsupported;
    }
    if (!row.truth.store_proven) {
        detail = "this host's store has not been proven to be the one that the other hosts see";
        return Fault::storage_mismatch;
    }
    if (order.kind == JobKind::disk_delete && row.truth.domain.state != DomainState::absent) {
        detail = "the guest that owns this file is on this host";
        return Fault::domain_in_use;
    }
    if (order.kind == JobKind::golden_keep && !row.truth.file_complete) {
        detail = "there is no complete save file of this guest on this host";
        return Fault::not_found;
    }
    return Fault::none;
}

}  // namespace ballast::agent
