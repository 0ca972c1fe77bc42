// The newest events in fixed memory: their JSON texts in one ring of bytes, what they are in one ring of
// heads. Adding an event forgets as many of the oldest as it takes the place of.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/arena.hpp"
#include "base/vocabulary.hpp"
#include "controller/http/message.hpp"

namespace ballast::controller::http {

enum class EventKind : std::uint8_t { host, vm, job, plan, decision, pool, session, load, notice };
inline constexpr std::size_t event_kinds_count = 9;
std::string_view to_string(EventKind) noexcept;

// A set of kinds; bit n is the kind with that number.
using EventKinds = std::uint16_t;
constexpr EventKinds bit(EventKind kind) noexcept {
    return static_cast<EventKinds>(1U << static_cast<unsigned>(kind));
}
inline constexpr EventKinds all_event_kinds = (1U << event_kinds_count) - 1;

enum class Change : std::uint8_t { added, changed, removed, happened };
std::string_view to_string(Change) noexcept;

struct EventHead {
    std::uint64_t revision = 0;
    WallTime at;
    EventKind kind = EventKind::notice;
    Change change = Change::happened;
    Role role = Role::viewer;  // the least that may read it
    Name name;
    FixedString<95> summary;  // for people: "running on h1"
    std::uint32_t offset = 0;
    std::uint32_t length = 0;
};

class EventRing {
  public:
    // `events_max` and `bytes_max` of texts, in `arena` (a counting one included). Revisions begin above
    // `base`. REQUIRES: both are at least 1.
    EventRing(Arena& arena, std::uint32_t events_max, std::uint32_t bytes_max, std::uint64_t base) noexcept;

    // Keeps the event and returns its revision. `head`'s revision and place are set here.
    // REQUIRES: the text is at most text_bytes_max().
    std::uint64_t add(const EventHead& head, std::string_view text) noexcept;

    // One text leaves room for others.
    std::size_t text_bytes_max() const noexcept { return bytes_.size() / 8; }
    std::uint64_t newest() const noexcept { return newest_; }  // of the last event; the base before the first
    // Of the oldest event kept; newest() + 1 while there is none.
    std::uint64_t oldest() const noexcept { return newest_ + 1 - count_; }
    std::size_t count() const noexcept { return count_; }
    std::size_t events_max() const noexcept { return heads_.size(); }
    std::size_t bytes_max() const noexcept { return bytes_.size(); }
    // True when whoever has read up to `since` has missed nothing that is gone.
    bool reaches(std::uint64_t since) const noexcept { return since + 1 >= oldest() && since <= newest_; }

    // Valid until the next add. REQUIRES: oldest() <= revision <= newest().
    const EventHead& head(std::uint64_t revision) const noexcept { return heads_[revision % heads_.size()]; }
    std::string_view text(const EventHead& head) const noexcept {
        return {bytes_.data() + head.offset, head.length};
    }

  private:
    std::uint32_t make_room(std::size_t length) noexcept;

    std::span<char> bytes_;
    std::span<EventHead> heads_;
    std::uint64_t newest_;
    std::uint64_t count_ = 0;
    std::size_t end_ = 0;  // of the newest text
};

}  // namespace ballast::controller::http
