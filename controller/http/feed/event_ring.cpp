#include "controller/http/feed/event_ring.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace ballast::controller::http {

std::string_view to_string(EventKind kind) noexcept {
    switch (kind) {
        case EventKind::host: return "host";
        case EventKind::vm: return "vm";
        case EventKind::job: return "job";
        case EventKind::plan: return "plan";
        case EventKind::decision: return "decision";
        case EventKind::pool: return "pool";
        case EventKind::session: return "session";
        case EventKind::load: return "load";
        case EventKind::notice: return "notice";
    }
    return "notice";
}

std::string_view to_string(Change change) noexcept {
    switch (change) {
        case Change::added: return "added";
        case Change::changed: return "changed";
        case Change::removed: return "removed";
        case Change::happened: return "happened";
    }
    return "happened";
}

EventRing::EventRing(Arena& arena, std::uint32_t events_max, std::uint32_t bytes_max,
                     std::uint64_t base) noexcept
    : bytes_{arena.make_array<char>(bytes_max)},
      heads_{arena.make_array<EventHead>(events_max)},
      newest_{base} {}

// Where the next text goes: behind the newest one, or at the start when it does not fit there. What is kept
// lies in [start of the oldest, end of the newest), perhaps around the end of the bytes; a text that lies
// around it would have to be read in two pieces, so none does.
std::uint32_t EventRing::make_room(std::size_t length) noexcept {
    for (;; --count_) {
        if (count_ == 0) {
            return 0;
        }
        if (count_ == heads_.size()) {
            continue;
        }
        const std::size_t start = head(oldest()).offset;
        const bool around = end_ <= start;
        if (!around && length <= bytes_.size() - end_) {
            return static_cast<std::uint32_t>(end_);
        }
        // One byte stays free, so that "full" is not taken for "not around".
        if (!around && length < start) {
            return 0;
        }
        if (around && length < start - end_) {
            return static_cast<std::uint32_t>(end_);
        }
    }
}

std::uint64_t EventRing::add(const EventHead& given, std::string_view text) noexcept {
    BALLAST_ASSERT(text.size() <= text_bytes_max());
    const std::uint32_t offset = make_room(text.size());
    std::copy(text.begin(), text.end(), bytes_.begin() + offset);
    ++newest_;
    ++count_;
    EventHead& head = heads_[newest_ % heads_.size()];
    head = given;
    head.revision = newest_;
    head.offset = offset;
    head.length = static_cast<std::uint32_t>(text.size());
    end_ = offset + text.size();
    return newest_;
}

}  // namespace ballast::controller::http
