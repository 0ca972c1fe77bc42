#include "agent/memory_filter.hpp"

#include <poll.h>

namespace ballast::agent {

Status MemoryFilter::start(const ImageSetup& setup, int lock_fd, int link_fd, std::string& why) {
    BALLAST_CHECK(process_.start(setup, lock_fd, true, why, link_fd));
    stream_ = process_.take_stream();
    return {};
}

ImageReport MemoryFilter::progress() {
    pollfd entry{.fd = process_.channel(), .events = POLLIN, .revents = 0};
    while (!ended_ && ::poll(&entry, 1, 0) > 0) {
        hear();
    }
    return latest_;
}

// The process's own word ends it; so does its end without one.
void MemoryFilter::hear() {
    if (!process_.next_report(latest_)) {
        latest_.kind = ImageReport::Kind::failed;
        latest_.fault = Fault::worker_died;
        latest_.detail = "the image process ended without a result";
    }
    ended_ = latest_.kind == ImageReport::Kind::done || latest_.kind == ImageReport::Kind::failed;
}

Status MemoryFilter::follow_until(ImageReport::Kind kind) {
    while (!ended_ && latest_.kind != kind) {
        hear();
    }
    return latest_.kind == ImageReport::Kind::failed ? Status{Err{latest_.fault}} : Status{};
}

Status MemoryFilter::settle(std::uint64_t bytes) {
    latest_.kind = ended_ ? latest_.kind : ImageReport::Kind::progress;
    process_.tell({.settle_bytes = bytes});
    return follow_until(ImageReport::Kind::settled);
}

Status MemoryFilter::finish(std::string& why) {
    const Status status = follow_until(ImageReport::Kind::done);
    why = latest_.detail.view();
    return status;
}

}  // namespace ballast::agent
