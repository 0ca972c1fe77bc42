// What every part of the simulator stands on: virtual time, the queue of what is to happen, chance, the log
// of what happened, and the first broken promise. Equal seeds give equal runs on every machine: there is no
// clock, no address and no unordered container in any decision.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "base/prng.hpp"

namespace ballast::simulator {

inline constexpr std::int64_t us = 1'000;
inline constexpr std::int64_t ms = 1'000'000;
inline constexpr std::int64_t second = 1'000'000'000;

enum class EventKind : std::uint8_t {
    agent_run,         // target: host; does the next thing that the agent has to do
    agent_timer,       // target: host; item: Timer << 32 | stamp
    agent_start,       // target: host
    host_boot,         // target: host
    controller_run,    //
    controller_tick,   //
    controller_start,  //
    deliver,           // target: connection; item: the receiving side
    silence,           // target: connection; item: side << 32 | stamp
    worker_run,        // target: worker
    incident,          // target: index in the scenario
    incident_over,     // target: index in the scenario
    request,           // target: index of the request
    visit,             // target: index of the visit
};

// `life` is that of the target when the event was made: a process that has died, a connection that has closed
// meanwhile is not meant any more.
struct Event {
    std::int64_t at_ns = 0;
    std::uint64_t order = 0;  // of insertion: events of one instant happen in this order
    std::uint64_t item = 0;
    std::uint32_t target = 0;
    std::uint32_t life = 0;
    EventKind kind = EventKind::agent_run;
};

class Queue {
  public:
    void push(std::int64_t at_ns, EventKind kind, std::uint32_t target = 0, std::uint32_t life = 0,
              std::uint64_t item = 0);
    bool empty() const noexcept { return heap_.empty(); }
    std::int64_t next_ns() const noexcept { return heap_.front().at_ns; }
    Event pop();

  private:
    std::vector<Event> heap_;
    std::uint64_t pushed_ = 0;
};

// The seven promises of the system, by their numbers in docs/simulator.md.
enum class Invariant : std::uint8_t {
    none = 0,
    one_copy = 1,       // a guest never executes on two hosts
    never_lost = 2,     // nor is it lost, nor does an older image of it run again
    reset_between = 3,  // no desktop goes from one user to another without a reset
    memory = 4,         // no host is over-committed
    durable = 5,        // what was acknowledged survives, and acts once
    every_job_ends = 6,
    same_decisions = 7,
};
const char* to_string(Invariant invariant) noexcept;

struct Violation {
    Invariant invariant = Invariant::none;
    std::int64_t at_ns = 0;
    std::string what;
};

// Where one part of the world draws from: independent of how often the others do, so that taking an incident
// out of a run leaves the rest of it as it was, as far as that is possible.
inline Prng dice(std::uint64_t seed, std::uint64_t part, std::uint64_t number, std::uint64_t turn) noexcept {
    Prng mixer{seed * 0x9e3779b97f4a7c15ULL + part};
    Prng second_mixer{mixer.next() ^ (number * 0xc2b2ae3d27d4eb4fULL)};
    return Prng{second_mixer.next() + turn * 0x165667b19e3779f9ULL};
}

// Uniform in [low, high]. REQUIRES: low <= high.
inline std::int64_t between(Prng& random, std::int64_t low, std::int64_t high) noexcept {
    return low + static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(high - low) + 1));
}

class Engine {
  public:
    explicit Engine(bool log_wanted) noexcept : log_wanted_{log_wanted} {}

    std::int64_t now_ns = 0;
    std::uint64_t events = 0;
    Queue queue;
    std::optional<Violation> violation;

    void after(std::int64_t delay_ns, EventKind kind, std::uint32_t target = 0, std::uint32_t life = 0,
               std::uint64_t item = 0) {
        queue.push(now_ns + delay_ns, kind, target, life, item);
    }

    // Only the first one counts: the world after it is no evidence of anything.
    template <class... Parts>
    void broken(Invariant invariant, fmt::format_string<Parts...> text, Parts&&... parts) {
        if (!violation) {
            violation = Violation{invariant, now_ns, fmt::format(text, std::forward<Parts>(parts)...)};
            log("BROKEN: {}", violation->what);
        }
    }
    template <class... Parts>
    void log(fmt::format_string<Parts...> text, Parts&&... parts) {
        if (log_wanted_) {
            keep(fmt::format(text, std::forward<Parts>(parts)...));
        }
    }
    bool log_wanted() const noexcept { return log_wanted_; }
    const std::deque<std::string>& lines() const noexcept { return lines_; }
    // Of all that was decided: two runs of one seed have the same.
    std::uint64_t fingerprint() const noexcept { return fingerprint_; }
    void note(std::uint64_t value) noexcept {
        fingerprint_ = (fingerprint_ ^ value) * 0x100000001b3ULL + (fingerprint_ >> 47);
    }

  private:
    void keep(std::string&& line);

    bool log_wanted_;
    std::deque<std::string> lines_;
    std::uint64_t fingerprint_ = 0xcbf29ce484222325ULL;
};

}  // namespace ballast::simulator
