#include "shell/loop_turns.hpp"

#include <ev.h>

#include <algorithm>
#include <ctime>

namespace ballast {

namespace {

constexpr std::int64_t minute_ns = 60'000'000'000;

std::int64_t clock_ns() noexcept {
    timespec time{};
    ::clock_gettime(CLOCK_MONOTONIC, &time);
    return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

}  // namespace

struct LoopTurns::Impl {
    struct ev_loop* loop = nullptr;
    ev_check awake{};     // the first of a turn: the loop has what is ready
    ev_prepare asleep{};  // the last: it goes to wait
    std::int64_t began_ns = clock_ns();
    std::int64_t minute_began_ns = clock_ns();
    std::int64_t longest_ns = 0;
    std::int64_t longest_before_ns = 0;
    std::uint64_t turns = 0;
    std::uint64_t slow_turns = 0;

    void ended() noexcept {
        const std::int64_t now = clock_ns();
        const std::int64_t took = now - began_ns;
        ++turns;
        slow_turns += took > slow_turn.ms * 1'000'000 ? 1 : 0;
        if (now - minute_began_ns >= minute_ns) {
            longest_before_ns = longest_ns;
            longest_ns = 0;
            minute_began_ns = now;
        }
        longest_ns = std::max(longest_ns, took);
    }
};

LoopTurns::LoopTurns(Loop& loop) : impl_{std::make_unique<Impl>()} {
    Impl& impl = *impl_;
    impl.loop = loop.raw();
    impl.awake.data = &impl;
    impl.asleep.data = &impl;
    ev_init(&impl.awake, [](struct ev_loop*, ev_check* watch, int) {
        static_cast<Impl*>(watch->data)->began_ns = clock_ns();
    });
    ev_init(&impl.asleep,
            [](struct ev_loop*, ev_prepare* watch, int) { static_cast<Impl*>(watch->data)->ended(); });
    ev_set_priority(&impl.awake, EV_MAXPRI);
    ev_set_priority(&impl.asleep, EV_MINPRI);
    ev_check_start(impl.loop, &impl.awake);
    ev_prepare_start(impl.loop, &impl.asleep);
}

LoopTurns::~LoopTurns() {
    ev_check_stop(impl_->loop, &impl_->awake);
    ev_prepare_stop(impl_->loop, &impl_->asleep);
}

std::uint64_t LoopTurns::turns() const noexcept {
    return impl_->turns;
}
std::uint64_t LoopTurns::slow_turns() const noexcept {
    return impl_->slow_turns;
}
double LoopTurns::longest_seconds() const noexcept {
    return static_cast<double>(std::max(impl_->longest_ns, impl_->longest_before_ns)) / 1e9;
}

}  // namespace ballast
