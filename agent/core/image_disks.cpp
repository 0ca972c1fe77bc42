// Migrations with the disk images (docs/wan_migration.md): which disks go along, and what their files are
// called when it is over.
#include "agent/core/core.hpp"
#include "agent/core/store_paths.hpp"
#include "base/compose.hpp"

namespace ballast::agent {
namespace {

// An image under a name that it should not have harms nobody by itself: what waits for the guest does not
// wait for that for long.
constexpr std::uint32_t naming_attempts_max = 5;

// What the longest name beside an image has more than the image's.
constexpr std::size_t suffix_bytes_max = 40;

// What follows the directory and its slash; empty when `path` does not lie below it.
std::string_view below(std::string_view directory, std::string_view path) noexcept {
    if (directory.empty() || path.size() <= directory.size() + 1 || !path.starts_with(directory) ||
        path[directory.size()] != '/') {
        return {};
    }
    return path.substr(directory.size() + 1);
}

}  // namespace

// The order alone.
Fault Core::check_images(const wire::JobOrder& order, Detail& detail) const noexcept {
    const bool migration = order.kind == JobKind::migrate_in || order.kind == JobKind::migrate_out;
    if (order.copy_storage && !migration) {
        detail = "copy_storage: only a migration takes disks along";
        return Fault::invalid_argument;
    }
    if ((order.copy_storage || order.kind == JobKind::image_index) && settings_.images_directory.empty()) {
        detail = "this host has no directory of images (images.directory)";
        return Fault::unsupported;
    }
    return Fault::none;
}

Fault Core::choose_disks(Row& row, const wire::JobOrder& order, Detail& detail) const noexcept {
    const bool copied = order.kind == JobKind::migrate_out && order.copy_storage;
    if (!copied && order.kind != JobKind::image_index) {
        return Fault::none;
    }
    if (row.truth.disks_fault != Fault::none) {
        detail = "what disks the guest has cannot be found out";
        return row.truth.disks_fault;
    }
    for (const GuestDisk& disk : row.truth.disks) {
        // What is only read may be other guests' as well, of which nobody here knows all (saved ones, those
        // that are shut down): it stays, and keeps its name.
        if (!disk.writable) {
            continue;
        }
        const std::string_view path = disk.path;
        const std::string_view inside = below(settings_.images_directory, path);
        if (inside.empty()) {
            if (copied && below(settings_.store_directory, path).empty()) {
                detail = compose(disk.device, ": ", path, " lies neither below ", settings_.images_directory,
                                 " (images.directory) nor in the store");
                return Fault::storage_mismatch;
            }
            continue;
        }
        const bool fits = path.size() + suffix_bytes_max <= Path::capacity();
        if (!valid_store_path(inside) || !disk.raw || disk.size_bytes == 0 || !fits) {
            detail = compose(disk.device, ": ", path,
                             " cannot go along: expected a raw image in a file, its name of letters, digits "
                             "and ._-+");
            return Fault::unsupported;
        }
        row.record.disks.push({.device = disk.device, .path = disk.path, .size_bytes = disk.size_bytes});
    }
    if (!copied && row.record.disks.empty()) {
        detail = compose("the guest has no writable disk below ", settings_.images_directory,
                         " (images.directory)");
        return Fault::not_found;
    }
    return Fault::none;
}

// What the source announces. A second opening must announce the same.
Fault Core::take_disks(Row& row, const wire::MigrationOpen& open, Detail& detail) const noexcept {
    const bool again = row.record.stage == Stage::fetching;
    if (again && open.disks.size() != row.record.disks.size()) {
        detail = "the disks that go along are others than at the first attempt";
        return Fault::protocol_violation;
    }
    ImageDisks disks;
    for (const wire::MigrationDisk& disk : open.disks) {
        ImageDisk here{.device = disk.device, .path = {}, .size_bytes = disk.size_bytes};
        const bool fits =
            settings_.images_directory.size() + 1 + disk.path.size() + suffix_bytes_max <= Path::capacity();
        if (!open.copy_storage || !valid_store_path(disk.path) || !fits) {
            detail = compose("the disk's place cannot be one here: ", disk.path);
            return Fault::protocol_violation;
        }
        here.path = settings_.images_directory;
        here.path.append_cut("/");
        here.path.append_cut(disk.path);
        disks.push(here);
    }
    if (!again) {
        row.record.disks = disks;
    }
    return Fault::none;
}

bool Core::settle_images(std::uint32_t row, FileStep what, Actions& out) noexcept {
    Row& job = rows_[row];
    const bool needed = what == FileStep::retire_images || job.record.published;
    if (job.images_settled || !job.record.copy_storage || job.record.disks.empty() || !needed) {
        return false;
    }
    file(row, what, out);
    return true;
}

void Core::on_images_filed(std::uint32_t row, Fault fault, Actions& out) noexcept {
    Row& job = rows_[row];
    ++job.attempts;
    job.images_settled = fault == Fault::none || job.attempts >= naming_attempts_max;
    if (fault != Fault::none && job.images_settled && job.record.detail.empty()) {
        job.record.detail = compose("the images cannot be renamed: ", job.record.disks[0].path,
                                    " is no longer this host's to use");
    }
    if (job.images_settled) {
        look(row, out);
    } else {
        back_off(job);
    }
}

void Core::on_limit(const LimitEvent& event, Actions& out) noexcept {
    const std::uint32_t row = find_job(event.job_id);
    if (row == Table<Row>::none || ended(rows_[row].record.state)) {
        return;
    }
    Row& job = rows_[row];
    job.record.bandwidth_mbps = event.bandwidth_mbps;  // on disk with its next stage
    // It holds for images, in rounds before the memory and one after it. A worker that has not begun with
    // them is told the limit with its word to go; no other reads any.
    const bool read = job.record.stage == Stage::copying ||
                      (job.record.stage == Stage::transferring && job.record.copy_storage);
    if (read && job.worker != no_worker && !job.killed) {
        tell(row, job.worker, Tell::limit, Fault::none, {}, out);
    }
}

}  // namespace ballast::agent
