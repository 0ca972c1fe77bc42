#include "xen_glue/sim/event_source.hpp"

#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/assert.hpp"
#include "xen_glue/sim/sim_host.hpp"
#include "xen_glue/sim/state_file.hpp"

namespace ballast::sim {
namespace {

// How often to look when the kernel has no inotify instance left for this user.
constexpr std::int64_t poll_ns = 100'000'000;

void watch(int epoll_fd, int fd) noexcept {
    epoll_event event{};
    event.events = EPOLLIN;
    const int r = epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event);
    BALLAST_ASSERT(r == 0);
}

void read_away(int fd) noexcept {
    std::array<char, 4096> bytes;
    while (fd >= 0 && read(fd, bytes.data(), bytes.size()) > 0) {
    }
}

}  // namespace

EventSource::EventSource(const std::string& state_file) noexcept
    : epoll_fd_{epoll_create1(EPOLL_CLOEXEC)},
      inotify_fd_{inotify_init1(IN_CLOEXEC | IN_NONBLOCK)},
      timer_fd_{timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK)} {
    BALLAST_ASSERT(epoll_fd_ >= 0 && timer_fd_ >= 0);
    if (inotify_fd_ >= 0 && inotify_add_watch(inotify_fd_, state_file.c_str(), IN_MODIFY) < 0) {
        close(inotify_fd_);
        inotify_fd_ = -1;
    }
    if (inotify_fd_ >= 0) {
        watch(epoll_fd_, inotify_fd_);
    }
    watch(epoll_fd_, timer_fd_);
    set_timer(never_ns);
}

EventSource::~EventSource() {
    for (const int fd : {inotify_fd_, timer_fd_, epoll_fd_}) {
        if (fd >= 0) {
            close(fd);
        }
    }
}

void EventSource::drain() noexcept {
    read_away(inotify_fd_);
    read_away(timer_fd_);
}

void EventSource::set_timer(std::int64_t at_boottime_ns) noexcept {
    if (inotify_fd_ < 0) {
        at_boottime_ns = std::min(at_boottime_ns, boottime_ns() + poll_ns);
    }
    itimerspec timer{};  // all zeros: off
    if (at_boottime_ns != never_ns) {
        timer.it_value.tv_sec = at_boottime_ns / ns_per_s;
        timer.it_value.tv_nsec = at_boottime_ns % ns_per_s;
    }
    timerfd_settime(timer_fd_, TFD_TIMER_ABSTIME, &timer, nullptr);
}

}  // namespace ballast::sim
