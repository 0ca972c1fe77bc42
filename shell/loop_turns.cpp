#include "shell/loop_turns.hpp"

#include <ev.h>

#include <algorithm>
#include <ctime>
#include <string>

#include "base/assert.hpp"
#include "shell/log.hpp"

namespace ballast {

namespace {

constexpr std::int64_t minute_ns = 60'000'000'000;
constexpr std::int64_t ms_ns = 1'000'000;

std::int64_t processor_ns() noexcept {
    timespec time{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

double to_seconds(std::int64_t ns) noexcept {
    return static_cast<double>(ns) / 1e9;
}

// The longest of this minute and of the one before.
class Longest {
  public:
    void add(std::int64_t ns) noexcept { now_ = std::max(now_, ns); }
    void end_minute() noexcept {
        before_ = now_;
        now_ = 0;
    }
    double seconds() const noexcept { return to_seconds(std::max(now_, before_)); }

  private:
    std::int64_t now_ = 0;
    std::int64_t before_ = 0;
};

struct Turn {
    std::int64_t ns = 0;
    std::int64_t off_cpu_ns = 0;
    LoopTimes parts{};
};

}  // namespace

struct LoopTurns::Impl {
    explicit Impl(Loop& of) : loop{of} {}

    Loop& loop;
    std::span<const std::string_view> names;
    ev_check awake{};      // the first of a turn: the loop has what is ready
    ev_prepare asleep{};   // the last: it goes to wait
    bool turning = false;  // what comes before the first turn keeps nobody waiting
    std::int64_t began_ns = 0;
    std::int64_t began_processor_ns = 0;
    std::int64_t minute_began_ns = mono_ns();
    std::uint64_t turns = 0;
    std::uint64_t slow_turns = 0;
    Longest longest;
    Longest longest_off_cpu;
    std::array<Longest, loop_parts_max> longest_of;
    LoopTimes totals{};
    Turn slowest;  // since slow turns were told
    std::int64_t told_ns = 0;

    void began() noexcept {
        began_ns = mono_ns();
        began_processor_ns = processor_ns();
        turning = true;
        loop.count_times(began_ns);
    }

    void ended() {
        if (!turning) {
            return;
        }
        turning = false;
        const std::int64_t now = mono_ns();
        const Turn turn{now - began_ns, now - began_ns - (processor_ns() - began_processor_ns),
                        loop.times(now)};
        if (now - minute_began_ns >= minute_ns) {
            minute_began_ns = now;
            longest.end_minute();
            longest_off_cpu.end_minute();
            for (Longest& of : longest_of) {
                of.end_minute();
            }
        }
        ++turns;
        longest.add(turn.ns);
        longest_off_cpu.add(turn.off_cpu_ns);
        for (std::size_t part = 0; part < loop_parts_max; ++part) {
            longest_of[part].add(turn.parts[part]);
            totals[part] += turn.parts[part];
        }
        if (turn.ns > slow_turn.ms * ms_ns) {
            ++slow_turns;
            slowest = turn.ns > slowest.ns ? turn : slowest;
        }
        if (slowest.ns > 0 && now - told_ns >= slow_turns_told_every.ms * ms_ns) {
            told_ns = now;
            tell(slowest);
            slowest = {};
        }
    }

    void tell(const Turn& turn) const {
        std::string parts;
        for (std::size_t part = 0; part < names.size(); ++part) {
            if (turn.parts[part] >= ms_ns) {
                parts +=
                    " " + std::string{names[part]} + " " + std::to_string(turn.parts[part] / ms_ns) + " ms,";
            }
        }
        log_notice("a turn of the loop took {} ms:{} of it without a processor {} ms", turn.ns / ms_ns, parts,
                   turn.off_cpu_ns / ms_ns);
    }
};

LoopTurns::LoopTurns(Loop& loop, std::span<const std::string_view> names)
    : impl_{std::make_unique<Impl>(loop)} {
    BALLAST_ASSERT(names.size() <= loop_parts_max);
    Impl& impl = *impl_;
    impl.names = names;
    impl.awake.data = &impl;
    impl.asleep.data = &impl;
    ev_init(&impl.awake,
            [](struct ev_loop*, ev_check* watch, int) { static_cast<Impl*>(watch->data)->began(); });
    ev_init(&impl.asleep,
            [](struct ev_loop*, ev_prepare* watch, int) { static_cast<Impl*>(watch->data)->ended(); });
    ev_set_priority(&impl.awake, EV_MAXPRI);
    ev_set_priority(&impl.asleep, EV_MINPRI);
    ev_check_start(loop.raw(), &impl.awake);
    ev_prepare_start(loop.raw(), &impl.asleep);
}

LoopTurns::~LoopTurns() {
    ev_check_stop(impl_->loop.raw(), &impl_->awake);
    ev_prepare_stop(impl_->loop.raw(), &impl_->asleep);
}

std::uint64_t LoopTurns::turns() const noexcept {
    return impl_->turns;
}
std::uint64_t LoopTurns::slow_turns() const noexcept {
    return impl_->slow_turns;
}
double LoopTurns::longest_seconds() const noexcept {
    return impl_->longest.seconds();
}
double LoopTurns::longest_off_cpu_seconds() const noexcept {
    return impl_->longest_off_cpu.seconds();
}
std::span<const std::string_view> LoopTurns::parts() const noexcept {
    return impl_->names;
}
double LoopTurns::longest_seconds(LoopPart part) const noexcept {
    return impl_->longest_of[part].seconds();
}
double LoopTurns::total_seconds(LoopPart part) const noexcept {
    return to_seconds(impl_->totals[part]);
}

}  // namespace ballast
