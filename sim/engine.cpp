#include "sim/engine.hpp"

#include <algorithm>

namespace ballast::simulator {
namespace {

constexpr std::size_t lines_max = 4000;

bool later(const Event& a, const Event& b) noexcept {
    return a.at_ns != b.at_ns ? a.at_ns > b.at_ns : a.order > b.order;
}

}  // namespace

void Queue::push(std::int64_t at_ns, EventKind kind, std::uint32_t target, std::uint32_t life,
                 std::uint64_t item) {
    heap_.push_back({at_ns, pushed_++, item, target, life, kind});
    std::push_heap(heap_.begin(), heap_.end(), later);
}

Event Queue::pop() {
    std::pop_heap(heap_.begin(), heap_.end(), later);
    const Event event = heap_.back();
    heap_.pop_back();
    return event;
}

void Engine::keep(std::string&& line) {
    if (lines_.size() == lines_max) {
        lines_.pop_front();
    }
    lines_.push_back(fmt::format("{:4}.{:06} {}", now_ns / second, now_ns % second / us, line));
}

const char* to_string(Invariant invariant) noexcept {
    switch (invariant) {
        case Invariant::none: return "none";
        case Invariant::one_copy: return "1: a guest never executes on two hosts";
        case Invariant::never_lost: return "2: a guest is never lost";
        case Invariant::reset_between: return "3: a desktop is reset between users";
        case Invariant::memory: return "4: no host is over-committed in memory";
        case Invariant::durable: return "5: an acknowledged request survives, and acts once";
        case Invariant::every_job_ends: return "6: every job ends, and the system comes to rest";
        case Invariant::same_decisions: return "7: the same events give the same decisions";
    }
    return "?";
}

}  // namespace ballast::simulator
