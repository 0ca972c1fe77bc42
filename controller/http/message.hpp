// A request as the operations see it, and their answer: no HTTP library in sight.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/instant.hpp"
#include "controller/access/roles.hpp"

namespace ballast::controller::http {

inline constexpr std::size_t query_parameters_max = 16;
inline constexpr std::size_t query_bytes_max = 512;  // of one parameter's value
inline constexpr std::size_t path_bytes_max = 512;
inline constexpr std::size_t idempotency_key_bytes_max = 64;
inline constexpr std::size_t reply_bytes_max = 16 * 1024 * 1024;  // the snapshot of a full pool is below

enum class Method : std::uint8_t { get, post, put, del, other };
std::string_view to_string(Method method) noexcept;

// What the caller wants to read (Accept).
enum class Format : std::uint8_t { json, text, ndjson, sse };

struct Request {
    Method method = Method::other;
    std::string method_text;
    std::string path;  // percent-decoded, without the query
    std::vector<std::pair<std::string, std::string>> query;
    std::string body;
    std::string idempotency_key;
    std::string if_match;  // If-Match, If-None-Match as sent
    std::string if_none_match;
    std::string last_event_id;  // Last-Event-ID, of a reader that comes again
    bool accepts_gzip = false;
    std::string id;  // of this request: in the answer's X-Request-Id, in problems and in the log
    Format format = Format::json;
    Caller caller;
    std::string address;  // of the client, numeric; empty over the unix socket

    // Null when absent. A parameter given twice never gets this far.
    const std::string* parameter(std::string_view name) const noexcept;
};

struct Reply {
    unsigned status = 200;
    std::string_view content_type = "application/json";
    std::string body{};
    std::vector<std::pair<std::string_view, std::string>> headers{};
};

// Which events somebody reads.
struct EventFilter {
    std::uint16_t kinds = 0;   // a set: EventKinds
    Role role = Role::viewer;  // of the reader
};

// The answer comes when the job, the plan or the session's opening has ended, or at `until`.
struct Wait {
    std::uint64_t job_id = 0;  // 0: waits for the plan
    std::uint64_t plan_id = 0;
    Instant until;
    bool replayed = false;         // of an idempotency key
    std::uint64_t session_id = 0;  // waits until the session is open or over, instead
    unsigned status = 200;         // of the answer about a session
    // Waits for an event after `since` instead, and answers with at most so many.
    bool for_events = false;
    std::uint64_t since = 0;
    EventFilter filter{};
    std::size_t events_max = 0;
};

// The answer goes on: each event as it comes.
struct Stream {
    Format format = Format::sse;  // or ndjson
    EventFilter filter{};
    std::uint64_t next = 0;  // revision of the event to be sent next
    std::string pending{};   // bytes to be sent before it
    Instant ends;            // the reader is to come again, with its token, after this
    Instant due;             // there is something to send then, even when nothing happens
};
// What there is to send on a stream.
enum class Reading : std::uint8_t {
    some,     // bytes were given
    nothing,  // for now
    over,     // it ends here, in good order
    lost,     // the reader is so slow that the next event is gone: to be cut off
};

using Answer = std::variant<Reply, Wait, Stream>;

// When a transaction was handed to the disk, and when it was on it.
struct Landing {
    std::int64_t handed_ns = 0;
    std::int64_t landed_ns = 0;
};

// What the server serves. Called on the loop's thread only.
class Service {
  public:
    virtual ~Service() = default;
    // Who is calling, and what that makes of it.
    virtual Caller authenticate(const Credentials& credentials) = 0;
    virtual Answer handle(const Request& request) = 0;
    // True when `wait` is over.
    virtual bool over(const Wait& wait) = 0;
    // The answer to a request whose wait is over.
    virtual Reply conclude(const Request& request, const Wait& wait) = 0;
    // Writes what comes next on the stream to `out`; `bytes` says how much, for `some`.
    virtual Reading read(Stream& stream, std::span<char> out, std::size_t& bytes) = 0;
    // The number of the transaction that holds the newest decision, and of the newest that is on disk: the
    // server keeps an answer to a change until the first that it depends on is the second (`release`).
    virtual std::uint64_t decided() const { return 0; }
    virtual std::uint64_t stored() const { return 0; }
    // The same of the lines in the log of who did what.
    virtual std::uint64_t noted() const { return 0; }
    virtual std::uint64_t recorded() const { return 0; }
    // Of the transaction that was stored last, by mono_ns().
    virtual Landing landing() const { return {}; }
    // Instead of an answer that could not be made durable.
    virtual Reply unstored(const Request& request) { return conclude(request, {}); }
};

}  // namespace ballast::controller::http
