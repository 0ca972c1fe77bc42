// A guest's memory with references to pages that the destination has (docs/wan_migration.md), at both ends.
#include "agent/transfer.hpp"
#include "agent/worker.hpp"

namespace ballast::agent {

// What the source holds back of a packed stream is one chunk.
static_assert(memory_piece_bytes == chunk_plain_bytes_max);

Status Worker::start_memory_filter(ImageTask task, int link_fd) {
    ImageSetup setup;
    setup.task = task;
    setup.secret = setup_.image_secret;
    setup.guest = setup_.record.uuid;
    for (const ImageDisk& disk : setup_.record.disks) {
        setup.images.push(disk.path);
    }
    std::string why;
    const Status started = memory_filter_.emplace().start(setup, lock_.get(), link_fd, why);
    return started.ok() ? started : failed(started.fault(), why);
}

Status Worker::finish_memory_filter() {
    std::string why;
    memory_filter_->hang_up();
    const Status status = memory_filter_->finish(why);
    count_memory(memory_filter_->progress());
    return status.ok() ? status : failed(status.fault(), why);
}

void Worker::count_memory(const ImageReport& now) noexcept {
    effect_.memory_bytes = now.image_bytes;
    effect_.referenced_bytes = now.done_bytes;
}

// What has come of the memory speaks of the image as it is now: it is looked up before the image changes.
Status Worker::take_last_of_disk(BlockingLink& link, const wire::MigrationImage& begin, std::string& why) {
    if (memory_filter_) {
        if (const Status settled = memory_filter_->settle(receiver_->image_bytes()); !settled.ok()) {
            why = "the guest's memory could not be put together";
            return settled;
        }
    }
    return take_disk(link, begin, why);
}

}  // namespace ballast::agent
