// How long the loop is kept from its descriptors and timers: the time that each turn's callbacks take
// together, and for what.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "shell/loop.hpp"

namespace ballast {

class LoopTurns {
  public:
    // A turn beyond this is felt by whoever waits for an answer. The log says what it went to, of the longest
    // of slow_turns_told_every.
    static constexpr Duration slow_turn = milliseconds(20);
    static constexpr Duration slow_turns_told_every = seconds(10);

    // `names` of the loop's parts, by their numbers; they outlive this. Destroy it before the loop.
    LoopTurns(Loop& loop, std::span<const std::string_view> names);
    ~LoopTurns();
    LoopTurns(const LoopTurns&) = delete;
    LoopTurns& operator=(const LoopTurns&) = delete;

    std::uint64_t turns() const noexcept;
    std::uint64_t slow_turns() const noexcept;
    // Longest times are of the present minute and the one before, so that every reader of the metrics sees
    // each peak. Of a whole turn:
    double longest_seconds() const noexcept;
    // What of one turn the thread had no processor for: others ran, or it waited for a disk.
    double longest_off_cpu_seconds() const noexcept;

    std::span<const std::string_view> parts() const noexcept;  // by number
    double longest_seconds(LoopPart part) const noexcept;      // in one turn
    double total_seconds(LoopPart part) const noexcept;        // since the start

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace ballast
