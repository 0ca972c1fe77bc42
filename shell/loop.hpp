// The event loop of both programs: libev behind the few shapes that they use. One loop, one thread (and
// background.hpp for what waits for a disk). A watch
// or timer may be destroyed inside its own callback; all of them must be destroyed before their loop.
// Callbacks must not throw.
#pragma once

#include <cstdint>
#include <functional>

#include "base/instant.hpp"

struct ev_loop;
struct ev_io;
struct ev_timer;
struct ev_signal;
struct ev_prepare;

namespace ballast {

Instant mono_now() noexcept;   // CLOCK_BOOTTIME
WallTime wall_now() noexcept;  // CLOCK_REALTIME
inline Now now() noexcept {
    return {mono_now(), wall_now()};
}

class Loop {
  public:
    // Not the default loop of libev, which would install a SIGCHLD handler and reap every child.
    Loop();
    ~Loop();
    Loop(const Loop&) = delete;
    Loop& operator=(const Loop&) = delete;

    void run();  // until stop()
    void stop() noexcept;
    struct ev_loop* raw() noexcept {
        return loop_;
    }

  private:
    struct ev_loop* loop_;
};

enum class Interest : std::uint8_t { none = 0, read = 1, write = 2, read_write = 3 };

// Watches a descriptor that the caller owns. Destroy it (or set `none`) before closing the descriptor.
class FdWatch {
  public:
    FdWatch(Loop& loop, int fd, Interest interest, std::function<void(Interest ready)> on_ready);
    ~FdWatch();
    FdWatch(const FdWatch&) = delete;
    FdWatch& operator=(const FdWatch&) = delete;
    void set(Interest interest) noexcept;

  private:
    struct Impl;
    Impl* impl_;
};

// A one-shot or repeating timer. Inactive until started.
class Timer {
  public:
    Timer(Loop& loop, std::function<void()> on_fire);
    ~Timer();
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;
    void start_once(Duration after) noexcept;  // restarts when active
    void start_every(Duration period) noexcept;
    void stop() noexcept;
    bool active() const noexcept;

  private:
    struct Impl;
    Impl* impl_;
};

// Calls back at the end of every turn of the loop: after all callbacks of what was ready, before it waits for
// more. What a turn has to sync is sent on its way once, here.
class TurnEnd {
  public:
    TurnEnd(Loop& loop, std::function<void()> on_end);
    ~TurnEnd();
    TurnEnd(const TurnEnd&) = delete;
    TurnEnd& operator=(const TurnEnd&) = delete;

  private:
    struct Impl;
    Impl* impl_;
};

// Calls back on SIGTERM, SIGINT, SIGHUP (through signalfd: blocks the signals for the process; worker
// processes must unblock them before exec).
class SignalWatch {
  public:
    SignalWatch(Loop& loop, std::function<void(int signal_number)> on_signal);
    ~SignalWatch();
    SignalWatch(const SignalWatch&) = delete;
    SignalWatch& operator=(const SignalWatch&) = delete;

  private:
    struct Impl;
    Impl* impl_;
};

// Learns of the end of one child process by pidfd and reaps exactly that child (never waitpid(-1): libxl has
// children of its own). Destroyed before that end, it leaves the child unreaped.
class ChildWatch {
  public:
    ChildWatch(Loop& loop, int pid, std::function<void(int wait_status)> on_exit);
    ~ChildWatch();
    ChildWatch(const ChildWatch&) = delete;
    ChildWatch& operator=(const ChildWatch&) = delete;

  private:
    struct Impl;
    Impl* impl_;
};

}  // namespace ballast
