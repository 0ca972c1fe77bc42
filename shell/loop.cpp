#include "shell/loop.hpp"

#include <ev.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <ctime>
#include <memory>
#include <utility>

#include "base/assert.hpp"
#include "shell/log.hpp"
#include "shell/unique_fd.hpp"

namespace ballast {
namespace {

std::int64_t clock_ms(clockid_t clock) noexcept {
    timespec time{};
    BALLAST_ASSERT(::clock_gettime(clock, &time) == 0);
    return std::int64_t{time.tv_sec} * 1000 + time.tv_nsec / 1'000'000;
}

ev_tstamp to_ev(Duration duration) noexcept {
    return static_cast<ev_tstamp>(duration.ms) / 1000;
}

int to_ev(Interest interest) noexcept {
    const auto bits = static_cast<unsigned>(interest);
    return ((bits & 1U) != 0 ? EV_READ : 0) | ((bits & 2U) != 0 ? EV_WRITE : 0);
}

// By number: the declaration in glibc 2.36 lacks its extern "C".
int open_pidfd(int pid) noexcept {
    return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
}

Interest from_ev(int events) noexcept {
    return static_cast<Interest>(((events & EV_READ) != 0 ? 1U : 0U) | ((events & EV_WRITE) != 0 ? 2U : 0U));
}

}  // namespace

Instant mono_now() noexcept {
    return {clock_ms(CLOCK_BOOTTIME)};
}
WallTime wall_now() noexcept {
    return {clock_ms(CLOCK_REALTIME)};
}

std::int64_t mono_ns() noexcept {
    timespec time{};
    BALLAST_ASSERT(::clock_gettime(CLOCK_MONOTONIC, &time) == 0);
    return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

// EVFLAG_NOSIGMASK: signal masks are ours, SignalWatch sets them. EVFLAG_NOENV: LIBEV_FLAGS changes nothing.
Loop::Loop()
    : loop_{ev_loop_new(unsigned{EVBACKEND_EPOLL} | unsigned{EVFLAG_NOENV} | unsigned{EVFLAG_NOSIGMASK})} {
    BALLAST_ASSERT(loop_ != nullptr);
    ev_set_userdata(loop_, this);
}
Loop::~Loop() {
    ev_loop_destroy(loop_);
}
void Loop::run() {
    ev_run(loop_, 0);
}
void Loop::stop() noexcept {
    ev_break(loop_, EVBREAK_ALL);
}

LoopPart Loop::enter(LoopPart part) noexcept {
    if (counts_ && part != part_) {
        mark(mono_ns());
    }
    return std::exchange(part_, part);
}
bool Loop::part_is_spent() noexcept {
    return counts_ && times(mono_ns())[part_] >= part_budget.ms * 1'000'000;
}
void Loop::charge(LoopPart part, std::int64_t ns) noexcept {
    times_ns_[part_] -= ns;
    times_ns_[part] += ns;
}
void Loop::count_times(std::int64_t now_ns) noexcept {
    counts_ = true;
    marked_ns_ = now_ns;
    times_ns_.fill(0);
}
const LoopTimes& Loop::times(std::int64_t now_ns) noexcept {
    mark(now_ns);
    return times_ns_;
}
void Loop::mark(std::int64_t now_ns) noexcept {
    times_ns_[part_] += now_ns - marked_ns_;
    marked_ns_ = now_ns;
}

// A watch may be destroyed by its own callback. The callback's captures must outlive its call: the watch then
// is only marked, and freed when the call returns.
template <class Impl>
void destroy(Impl* impl) noexcept {
    if (impl->in_callback) {
        impl->destroyed = true;
    } else {
        delete impl;
    }
}

Loop& loop_of(struct ev_loop* loop) noexcept {
    return *static_cast<Loop*>(ev_userdata(loop));
}

template <class Impl, class Call>
void call_back(Impl* impl, Call call) noexcept {
    const LoopScope scope{loop_of(impl->loop), impl->part};
    impl->in_callback = true;
    call();
    impl->in_callback = false;
    if (impl->destroyed) {
        delete impl;
    }
}

struct FdWatch::Impl {
    ev_io watcher{};
    struct ev_loop* loop = nullptr;
    LoopPart part = 0;
    int fd = -1;
    std::function<void(Interest)> on_ready;
    bool in_callback = false;
    bool destroyed = false;
};

FdWatch::FdWatch(Loop& loop, int fd, Interest interest, std::function<void(Interest)> on_ready)
    : impl_{new Impl{.loop = loop.raw(), .part = loop.part(), .fd = fd, .on_ready = std::move(on_ready)}} {
    const auto on_event = [](struct ev_loop*, ev_io* watcher, int events) {
        auto* impl = static_cast<Impl*>(watcher->data);
        call_back(impl, [&] { impl->on_ready(from_ev(events)); });
    };
    ev_io_init(&impl_->watcher, on_event, fd, EV_NONE);
    impl_->watcher.data = impl_;
    set(interest);
}
FdWatch::~FdWatch() {
    set(Interest::none);
    destroy(impl_);
}
void FdWatch::set(Interest interest) noexcept {
    if (ev_is_active(&impl_->watcher)) {
        if ((impl_->watcher.events & (EV_READ | EV_WRITE)) == to_ev(interest)) {
            return;
        }
        ev_io_stop(impl_->loop, &impl_->watcher);
    }
    if (interest != Interest::none) {
        ev_io_set(&impl_->watcher, impl_->fd, to_ev(interest));
        ev_io_start(impl_->loop, &impl_->watcher);
    }
}

struct Timer::Impl {
    ev_timer watcher{};
    struct ev_loop* loop = nullptr;
    LoopPart part = 0;
    std::function<void()> on_fire;
    bool in_callback = false;
    bool destroyed = false;

    void start(Duration after, Duration repeat) noexcept {
        ev_timer_stop(loop, &watcher);
        // libev counts from the start of this round of the loop, which a long callback may have left behind.
        ev_now_update(loop);
        ev_timer_set(&watcher, to_ev(after), to_ev(repeat));
        ev_timer_start(loop, &watcher);
    }
};

Timer::Timer(Loop& loop, std::function<void()> on_fire)
    : impl_{new Impl{.loop = loop.raw(), .part = loop.part(), .on_fire = std::move(on_fire)}} {
    const auto on_event = [](struct ev_loop*, ev_timer* watcher, int) {
        auto* impl = static_cast<Impl*>(watcher->data);
        call_back(impl, [&] { impl->on_fire(); });
    };
    ev_timer_init(&impl_->watcher, on_event, 0, 0);
    impl_->watcher.data = impl_;
}
Timer::~Timer() {
    stop();
    destroy(impl_);
}
void Timer::start_once(Duration after) noexcept {
    impl_->start(after, {});
}
void Timer::start_every(Duration period) noexcept {
    BALLAST_ASSERT(period.ms > 0);
    impl_->start(period, period);
}
void Timer::stop() noexcept {
    ev_timer_stop(impl_->loop, &impl_->watcher);
}
bool Timer::active() const noexcept {
    return ev_is_active(&impl_->watcher);
}

struct TurnEnd::Impl {
    ev_prepare watcher{};
    struct ev_loop* loop = nullptr;
    LoopPart part = 0;
    std::function<void()> on_end;
};

TurnEnd::TurnEnd(Loop& loop, std::function<void()> on_end)
    : impl_{new Impl{.loop = loop.raw(), .part = loop.part(), .on_end = std::move(on_end)}} {
    const auto on_event = [](struct ev_loop*, ev_prepare* watcher, int) {
        auto* impl = static_cast<Impl*>(watcher->data);
        const LoopScope scope{loop_of(impl->loop), impl->part};
        impl->on_end();
    };
    ev_prepare_init(&impl_->watcher, on_event);
    impl_->watcher.data = impl_;
    ev_prepare_start(impl_->loop, &impl_->watcher);
}
TurnEnd::~TurnEnd() {
    ev_prepare_stop(impl_->loop, &impl_->watcher);
    delete impl_;
}

struct SignalWatch::Impl {
    UniqueFd fd;
    std::unique_ptr<FdWatch> watch;
};

SignalWatch::SignalWatch(Loop& loop, std::function<void(int)> on_signal) : impl_{new Impl} {
    sigset_t signals;
    sigemptyset(&signals);
    for (const int number : {SIGTERM, SIGINT, SIGHUP}) {
        sigaddset(&signals, number);
    }
    BALLAST_ASSERT(::sigprocmask(SIG_BLOCK, &signals, nullptr) == 0);
    impl_->fd.reset(::signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC));
    BALLAST_ASSERT(impl_->fd);
    const auto on_ready = [fd = impl_->fd.get(), on_signal = std::move(on_signal)](Interest) {
        signalfd_siginfo info{};
        if (::read(fd, &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
            on_signal(static_cast<int>(info.ssi_signo));
        }
    };
    impl_->watch = std::make_unique<FdWatch>(loop, impl_->fd.get(), Interest::read, on_ready);
}
SignalWatch::~SignalWatch() {
    impl_->watch.reset();
    delete impl_;
}

struct ChildWatch::Impl {
    int pid = -1;
    UniqueFd pidfd;
    std::unique_ptr<FdWatch> watch;
    std::unique_ptr<Timer> poll;
    std::function<void(int)> on_exit;

    // The end of `this` may come inside on_exit.
    void reap() {
        int status = 0;
        const pid_t reaped = ::waitpid(pid, &status, WNOHANG);
        if (reaped == 0 || (reaped < 0 && errno == EINTR)) {
            return;
        }
        if (reaped < 0) {
            // Somebody else took it (SIGCHLD ignored, or a waitpid(-1)): how it ended will never be known.
            log_warning("process {} was reaped by somebody else: taken as killed", pid);
            status = SIGKILL;
        }
        watch.reset();
        poll.reset();
        const auto tell = std::move(on_exit);
        tell(status);
    }
};

ChildWatch::ChildWatch(Loop& loop, int pid, std::function<void(int)> on_exit)
    : impl_{new Impl{.pid = pid, .pidfd = UniqueFd{open_pidfd(pid)}, .on_exit = std::move(on_exit)}} {
    if (impl_->pidfd) {
        impl_->watch = std::make_unique<FdWatch>(loop, impl_->pidfd.get(), Interest::read,
                                                 [impl = impl_](Interest) { impl->reap(); });
        return;
    }
    // Out of descriptors: a worker's end must be noticed all the same, only later.
    constexpr Duration poll_period = milliseconds(200);
    log_warning("no descriptor to watch process {} with ({}): asking every {} ms", pid, errno,
                poll_period.ms);
    impl_->poll = std::make_unique<Timer>(loop, [impl = impl_] { impl->reap(); });
    impl_->poll->start_every(poll_period);
}
ChildWatch::~ChildWatch() {
    impl_->watch.reset();
    delete impl_;
}

}  // namespace ballast
