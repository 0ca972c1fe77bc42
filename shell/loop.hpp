// The event loop of both programs: libev behind the few shapes that they use. One loop, one thread (and
// background.hpp for what waits for a disk). A watch
// or timer may be destroyed inside its own callback; all of them must be destroyed before their loop.
// Callbacks must not throw.
#pragma once

#include <array>
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

// What the loop's time goes to: numbers whose meaning is the program's. A watch or timer belongs to the part
// in which it was made: the one entered then, or that of the callback that makes it.
using LoopPart = std::uint8_t;
inline constexpr std::size_t loop_parts_max = 8;
using LoopTimes = std::array<std::int64_t, loop_parts_max>;  // nanoseconds, by part

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

    LoopPart part() const noexcept { return part_; }
    // From here on time is the part's; the part before. REQUIRES: part < loop_parts_max.
    LoopPart enter(LoopPart part) noexcept;
    // The present part has had its time of this turn: what else is ready may wait for the next, so that the
    // others get theirs in between. Never, where time is not counted.
    static constexpr Duration part_budget = milliseconds(5);
    bool part_is_spent() noexcept;
    // The last `ns` of the present part were this one's.
    void charge(LoopPart part, std::int64_t ns) noexcept;
    // From here on time is counted, beginning with nothing; without it, it never is (loop_turns.hpp).
    void count_times(std::int64_t now_ns) noexcept;
    const LoopTimes& times(std::int64_t now_ns) noexcept;

  private:
    void mark(std::int64_t now_ns) noexcept;

    struct ev_loop* loop_;
    LoopPart part_ = 0;
    bool counts_ = false;
    std::int64_t marked_ns_ = 0;  // up to here, time is in times_ns_
    LoopTimes times_ns_{};
};

std::int64_t mono_ns() noexcept;  // CLOCK_MONOTONIC, for durations

// Enters a part for as long as it lives.
class LoopScope {
  public:
    LoopScope(Loop& loop, LoopPart part) noexcept : loop_{loop}, before_{loop.enter(part)} {}
    ~LoopScope() { loop_.enter(before_); }
    LoopScope(const LoopScope&) = delete;
    LoopScope& operator=(const LoopScope&) = delete;

  private:
    Loop& loop_;
    LoopPart before_;
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
