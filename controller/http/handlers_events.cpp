// What has changed, as it changes.
#include <algorithm>
#include <array>
#include <charconv>

#include "controller/http/api.hpp"
#include "controller/http/feed/event_stream.hpp"
#include "controller/http/handlers.hpp"
#include "controller/http/lists.hpp"
#include "controller/http/server.hpp"
#include "shell/loop.hpp"

namespace ballast::controller::http {

namespace {

constexpr std::size_t events_default = 100;

std::optional<std::uint64_t> parse_revision(std::string_view text) noexcept {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc{} && end == text.data() + text.size() ? std::optional{value} : std::nullopt;
}

// `?kind=vm,job`; all without it.
std::optional<Problem> read_kinds(const Request& request, EventFilter& filter) {
    filter.kinds = all_event_kinds;
    if (request.parameter("kind") == nullptr) {
        return std::nullopt;
    }
    filter.kinds = 0;
    std::string known;
    for (const std::string_view word : SetFilter{request, "kind"}.words()) {
        EventKinds found = 0;
        known.clear();
        for (std::size_t i = 0; i < event_kinds_count; ++i) {
            const auto kind = static_cast<EventKind>(i);
            found = word == to_string(kind) ? bit(kind) : found;
            known += (known.empty() ? "" : ", ") + std::string{to_string(kind)};
        }
        filter.kinds = static_cast<EventKinds>(filter.kinds | found);
        if (found == 0) {
            return Problem{.slug = Slug::invalid_request,
                           .detail = "kind: \"" + std::string{word} + "\" is none of " + known};
        }
    }
    return std::nullopt;
}

struct Asked {
    EventFilter filter;
    std::optional<std::uint64_t> since;
    std::size_t limit = events_default;
};

std::optional<Problem> read_asked(const Request& request, Asked& asked) {
    asked.filter.role = request.caller.role;
    if (std::optional<Problem> problem = read_kinds(request, asked.filter); problem.has_value()) {
        return problem;
    }
    const std::string* since = request.parameter("since");
    if (since == nullptr && request.format == Format::sse && !request.last_event_id.empty()) {
        since = &request.last_event_id;
    }
    if (since != nullptr) {
        asked.since = parse_revision(*since);
        if (!asked.since.has_value()) {
            return Problem{.slug = Slug::invalid_request,
                           .detail = "since (or Last-Event-ID): expected a revision, as an event has it"};
        }
    }
    Page page;
    page.limit = events_default;
    std::optional<Problem> problem = read_page(request, page);
    asked.limit = page.limit;
    return problem;
}

Reply text_of(const EventRing& ring, std::span<const std::uint64_t> revisions) {
    TextTable table{{"REVISION", "AT", "KIND", "CHANGE", "NAME", "WHAT"}};
    for (const std::uint64_t revision : revisions) {
        const EventHead& head = ring.head(revision);
        table.cell(head.revision);
        table.cell(rfc3339(head.at));
        table.cell(to_string(head.kind));
        table.cell(to_string(head.change));
        table.cell(head.name.view());
        table.cell(head.summary.view());
    }
    return {.content_type = "text/plain; charset=utf-8", .body = table.text()};
}

// These events, and up to where the reader has read with them.
Reply events_reply(const Request& request, const EventRing& ring, std::span<const std::uint64_t> revisions,
                   std::uint64_t read_up_to) {
    Reply reply;
    if (request.format == Format::text) {
        reply = text_of(ring, revisions);
    } else if (request.format == Format::ndjson) {
        reply.content_type = "application/x-ndjson";
        for (const std::uint64_t revision : revisions) {
            reply.body.append(ring.text(ring.head(revision))).append(1, '\n');
        }
    } else {
        reply.body = "{\"revision\":" + std::to_string(read_up_to) + ",\"events\":[";
        for (const std::uint64_t revision : revisions) {
            reply.body.append(revision == revisions.front() ? "" : ",")
                .append(ring.text(ring.head(revision)));
        }
        reply.body += "]}\n";
    }
    reply.headers.emplace_back("X-Revision", std::to_string(read_up_to));
    return reply;
}

Problem events_lost(const EventRing& ring, std::uint64_t since) {
    return {.slug = Slug::events_lost,
            .detail = "what followed revision " + std::to_string(since) + " is gone; kept is " +
                      std::to_string(ring.oldest()) + " to " + std::to_string(ring.newest()) +
                      ": read the lists anew, then go on from the newest"};
}

// At most `limit` events after `since`, the oldest first; without `since` the newest there are.
Reply collect(const Request& request, const Feed& feed, const Asked& asked) {
    const EventRing& ring = feed.ring();
    std::vector<std::uint64_t> revisions;
    if (asked.since.has_value()) {
        std::uint64_t next = feed.next_match(*asked.since + 1, asked.filter);
        for (; next <= ring.newest() && revisions.size() < asked.limit;
             next = feed.next_match(next + 1, asked.filter)) {
            revisions.push_back(next);
        }
        return events_reply(request, ring, revisions, next - 1);
    }
    for (std::uint64_t at = ring.newest(); at >= ring.oldest() && revisions.size() < asked.limit; --at) {
        if (feed.next_match(at, asked.filter) == at) {
            revisions.push_back(at);
        }
    }
    std::reverse(revisions.begin(), revisions.end());
    return events_reply(request, ring, revisions, ring.newest());
}

bool goes_on(const Request& request) noexcept {
    return request.format == Format::sse ||
           (request.format == Format::ndjson && request.parameter("wait") == nullptr);
}

}  // namespace

Answer list_events(Api& api, const Call& call) {
    const Request& request = call.request;
    Feed& feed = *api.surroundings().feed;
    feed.catch_up();
    const EventRing& ring = feed.ring();
    Asked asked;
    if (std::optional<Problem> problem = read_asked(request, asked); problem.has_value()) {
        return api.refuse(request, std::move(*problem));
    }
    const bool stream = goes_on(request);
    // A reader of server-sent events is told in the stream: on a refusal, browsers give up for good.
    if (asked.since.has_value() && !ring.reaches(*asked.since) && request.format != Format::sse) {
        return api.refuse(request, events_lost(ring, *asked.since));
    }
    const std::uint64_t since = asked.since.value_or(ring.newest());
    const Duration wait = Api::wait_asked(request);
    const bool waits =
        wait.ms > 0 && asked.since.has_value() && feed.next_match(since + 1, asked.filter) > ring.newest();
    if ((stream || waits) && !api.admit_reader()) {
        return api.refuse(request, {.slug = Slug::limit_reached,
                                    .detail = "as many readers of events as there may be at once",
                                    .limit = "event_readers",
                                    .retry_after_seconds = 10});
    }
    if (stream) {
        return begin_stream(feed, request.format, asked.filter, since, mono_now());
    }
    if (waits) {
        Wait pending;
        pending.until = mono_now() + wait;
        pending.for_events = true;
        pending.since = since;
        pending.filter = asked.filter;
        pending.events_max = asked.limit;
        return pending;
    }
    return collect(request, feed, asked);
}

Reply conclude_events(Api& api, const Request& request, const Wait& wait) {
    const Feed& feed = *api.surroundings().feed;
    if (!feed.ring().reaches(wait.since)) {
        return api.refuse(request, events_lost(feed.ring(), wait.since));
    }
    return collect(request, feed, {wait.filter, wait.since, wait.events_max});
}

}  // namespace ballast::controller::http
