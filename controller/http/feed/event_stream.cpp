#include "controller/http/feed/event_stream.hpp"

#include <algorithm>

#include "controller/http/json_out.hpp"

namespace ballast::controller::http {

namespace {

constexpr std::size_t control_bytes_max = 512;

// "hello", "reset" and "heartbeat": where the ring is.
std::string control_text(const Feed& feed, std::string_view word) {
    std::string text;
    JsonOut json{text, control_bytes_max};
    json.object();
    json.member("kind", word);
    json.member("revision", feed.ring().newest());
    json.member("oldest", feed.ring().oldest());
    json.end_object();
    return text;
}

std::string control_event(const Feed& feed, Format format, std::string_view word) {
    const std::string text = control_text(feed, word);
    if (format == Format::ndjson) {
        return text + '\n';
    }
    return "id: " + std::to_string(feed.ring().newest()) + "\nevent: " + std::string{word} +
           "\ndata: " + text + "\n\n";
}

std::string heartbeat(const Feed& feed, Format format) {
    return format == Format::ndjson ? control_event(feed, format, "heartbeat") : ": heartbeat\n\n";
}

// What comes before and after an event's text.
std::string prefix_of(Format format, const EventHead& head) {
    if (format == Format::ndjson) {
        return {};
    }
    return "id: " + std::to_string(head.revision) + "\nevent: " + std::string{to_string(head.kind)} +
           "\ndata: ";
}
std::string_view suffix_of(Format format) noexcept {
    return format == Format::ndjson ? "\n" : "\n\n";
}

// Fills a span from its start.
class Sink {
  public:
    explicit Sink(std::span<char> out) : rest_{out} {}
    std::size_t room() const noexcept { return rest_.size(); }
    std::size_t put(std::string_view text) noexcept {
        const std::size_t taken = std::min(text.size(), rest_.size());
        std::copy_n(text.begin(), taken, rest_.begin());
        rest_ = rest_.subspan(taken);
        written_ += taken;
        return taken;
    }
    std::size_t written() const noexcept { return written_; }

  private:
    std::span<char> rest_;
    std::size_t written_ = 0;
};

// What did not fit before comes first; false when some of it still does not fit.
bool put_pending(Stream& stream, Sink& sink) {
    stream.pending.erase(0, sink.put(stream.pending));
    if (!stream.pending.empty()) {
        return false;
    }
    stream.pending = {};  // an idle reader costs no buffer
    return true;
}

void put_event(const Feed& feed, Stream& stream, const EventHead& head, Sink& sink) {
    const std::string prefix = prefix_of(stream.format, head);
    const std::string_view text = feed.ring().text(head);
    const std::string_view suffix = suffix_of(stream.format);
    if (prefix.size() + text.size() + suffix.size() <= sink.room()) {
        sink.put(prefix);
        sink.put(text);
        sink.put(suffix);
    } else {
        stream.pending.append(prefix).append(text).append(suffix);
        (void)put_pending(stream, sink);
    }
}

}  // namespace

Stream begin_stream(const Feed& feed, Format format, const EventFilter& filter, std::uint64_t since,
                    Instant at) {
    const bool complete = feed.ring().reaches(since);
    Stream stream{.format = format,
                  .filter = filter,
                  .next = (complete ? since : feed.ring().newest()) + 1,
                  .ends = at + stream_time_max,
                  .due = at};
    stream.pending = control_event(feed, format, complete ? "hello" : "reset");
    return stream;
}

Reading read_stream(const Feed& feed, Stream& stream, std::span<char> out, std::size_t& bytes, Instant at) {
    const EventRing& ring = feed.ring();
    Sink sink{out};
    const auto done = [&] {
        bytes = sink.written();
        if (bytes != 0) {
            stream.due = std::min(at + heartbeat_every, stream.ends);
        }
        return bytes != 0 ? Reading::some : Reading::nothing;
    };
    if (!put_pending(stream, sink)) {
        return done();
    }
    if (at >= stream.ends) {
        return sink.written() != 0 ? done() : Reading::over;
    }
    while (stream.pending.empty() && sink.room() != 0) {
        if (stream.next < ring.oldest()) {
            return sink.written() != 0 ? done() : Reading::lost;
        }
        stream.next = feed.next_match(stream.next, stream.filter);
        if (stream.next > ring.newest()) {
            break;
        }
        put_event(feed, stream, ring.head(stream.next++), sink);
    }
    if (sink.written() == 0 && at >= stream.due) {
        stream.pending = heartbeat(feed, stream.format);
        (void)put_pending(stream, sink);
    }
    return done();
}

}  // namespace ballast::controller::http
