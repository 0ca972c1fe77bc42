// A descriptor that becomes readable when a simulated host's list of domains may have changed: because
// another process committed a change (inotify on the state file), or because time brings one (a timer).
#pragma once

#include <cstdint>
#include <string>

namespace ballast::sim {

class EventSource {
  public:
    explicit EventSource(const std::string& state_file) noexcept;
    ~EventSource();
    EventSource(const EventSource&) = delete;
    EventSource& operator=(const EventSource&) = delete;

    int fd() const noexcept { return epoll_fd_; }
    // Makes it unreadable again, until the next change. Call before looking at the list.
    void drain() noexcept;
    // When time brings the next change (`never_ns`: not by itself).
    void set_timer(std::int64_t at_boottime_ns) noexcept;

  private:
    int epoll_fd_ = -1;
    int inotify_fd_ = -1;
    int timer_fd_ = -1;
};

}  // namespace ballast::sim
