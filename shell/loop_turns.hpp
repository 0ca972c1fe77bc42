// How long the loop is kept from its descriptors and timers: the time that each turn's callbacks take
// together.
#pragma once

#include <cstdint>
#include <memory>

#include "shell/loop.hpp"

namespace ballast {

class LoopTurns {
  public:
    // A turn beyond this is felt by whoever waits for an answer.
    static constexpr Duration slow_turn = milliseconds(20);

    // Destroy it before the loop.
    explicit LoopTurns(Loop& loop);
    ~LoopTurns();
    LoopTurns(const LoopTurns&) = delete;
    LoopTurns& operator=(const LoopTurns&) = delete;

    std::uint64_t turns() const noexcept;
    std::uint64_t slow_turns() const noexcept;
    // Of the present minute and the one before, so that every reader of the metrics sees each peak.
    double longest_seconds() const noexcept;

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace ballast
