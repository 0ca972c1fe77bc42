// The controller's news: what changes in the core becomes events in a bounded ring, from which any number of
// readers read at their own pace, and samples become the history of loads. All memory is reserved at the
// start.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "controller/config.hpp"
#include "controller/core/core.hpp"
#include "controller/http/feed/change_watch.hpp"
#include "controller/http/feed/event_ring.hpp"
#include "controller/http/feed/load_history.hpp"
#include "controller/http/json_out.hpp"
#include "shell/loop.hpp"

namespace ballast::controller::http {

class Feed {
  public:
    static std::size_t bytes_needed(const FeedConfig& limits, const Limits& tables) noexcept;
    static Budget budget(const FeedConfig& limits, const Limits& tables) noexcept;

    // `memory` holds bytes_needed() and outlives the feed. `core` gives the core as it is now: it may be made
    // anew.
    Feed(Loop& loop, const FeedConfig& limits, const Limits& tables, std::span<std::byte> memory,
         std::function<const Core&()> core);
    Feed(const Feed&) = delete;
    Feed& operator=(const Feed&) = delete;

    // After each step of the core: keeps its reports, and looks for changes soon.
    void on_step(std::span<const Action> actions);
    // Looks now when a look is due: whoever asks for events after the answer to a command finds what it did,
    // and two commands that undo each other are not one look's nothing.
    void catch_up();
    // Called when there are new events.
    void on_news(std::function<void()> notify) { news_ = std::move(notify); }

    const EventRing& ring() const noexcept { return ring_; }
    const LoadHistory& history() const noexcept { return history_; }
    // Brings the history's axis of time up to now.
    void advance_history(WallTime at) noexcept { history_.advance(at); }
    const FeedConfig& limits() const noexcept { return limits_; }

    // The first event from `revision` on that passes; newest() + 1 when there is none yet.
    // REQUIRES: revision >= ring().oldest().
    std::uint64_t next_match(std::uint64_t revision, const EventFilter& filter) const noexcept;

    std::uint64_t events_total() const noexcept { return events_total_; }
    std::uint64_t looks_total() const noexcept { return looks_total_; }

  private:
    void look();
    void add_change(const Changed& changed);
    void add_report(const Report& report);
    void add_load(const Changed& changed);
    void keep(EventHead head, const std::function<void(JsonOut&)>& object);

    FeedConfig limits_;
    std::function<const Core&()> core_;
    Arena arena_;
    EventRing ring_;
    LoadHistory history_;
    ChangeWatch watch_;
    Timer soon_;
    Duration rest_ = milliseconds(10);  // until the next look
    std::function<void()> news_;
    std::string text_;  // of the event that is being made
    std::uint64_t events_total_ = 0;
    std::uint64_t looks_total_ = 0;
};

}  // namespace ballast::controller::http
