// The HTTP endpoint: libmicrohttpd on the controller's one loop. Turns bytes into Requests and Replies into
// bytes, holds requests that wait for a job, and keeps every bound (connections, header, body, time) so that
// no client can hurt.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/histogram.hpp"
#include "controller/config.hpp"
#include "controller/http/message.hpp"
#include "shell/loop.hpp"

namespace ballast::controller::http {

// Beside the TCP side's, so that root on the box gets in when strangers hold all of those.
inline constexpr unsigned unix_connections_max = 8;
// What libmicrohttpd keeps of a connection beside the request's head: read buffer, parsed headers, answer's
// head.
inline constexpr std::size_t connection_memory_bytes = 32 * 1024;

// What the time of a change goes to, from its request's head to its answer: until it is decided; until the
// disk is free, which the transaction before has or a fold of the log; writing and syncing its own; telling.
enum class ChangePart : std::uint8_t { decide, queue, store, answer };
inline constexpr auto change_part_names =
    std::to_array<std::string_view>({"decide", "queue", "store", "answer"});

struct ServerCounters {
    std::uint64_t connections = 0;
    std::uint64_t connections_now = 0;
    std::uint64_t requests = 0;
    std::uint64_t deferred = 0;  // to a later turn of the loop
    std::uint64_t waiting_now = 0;
    std::uint64_t readers_now = 0;      // of events: streams, and requests that wait for one
    std::uint64_t readers_cut_off = 0;  // the next event was gone before they took the one before
    std::uint64_t refused_header = 0;   // header above the bound, or bytes that cannot be in one
    std::uint64_t refused_body = 0;     // body above the bound
    std::uint64_t refused_unauthenticated = 0;
    std::uint64_t cut_off_slow = 0;          // neither a whole request nor its answer in time
    std::uint64_t replies_by_class[6] = {};  // [2] is 2xx
    std::array<Histogram, change_part_names.size()>
        changes_took;  // by ChangePart; waits for jobs are not here
};

class Server {
  public:
    // `service` must outlive the server. Null with a sentence in `why` when it cannot listen.
    static std::unique_ptr<Server> open(Loop& loop, const HttpConfig& config, Service& service,
                                        std::string& why);
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    // Answers the requests whose wait is over. Call when jobs have changed; the server itself looks at the
    // clock.
    void look_at_waits();
    // There are new events: streams that have said all go on. Call instead of look_at_waits.
    void go_on_with_streams();
    // A transaction has ended, or entries are in the log of who did what: sends the answers that were kept
    // because of them. Not `stored`: what waits for a transaction will never be on disk, and is refused
    // instead.
    void release(bool stored);
    // Of the TCP side; 0 without one.
    std::uint16_t port() const noexcept;
    const ServerCounters& counters() const noexcept;
    // Of the certificate that the TCP side shows; 0 without TLS.
    WallTime certificate_ends() const noexcept;

    struct Impl;

  private:
    Server();
    std::unique_ptr<Impl> impl_;
};

}  // namespace ballast::controller::http
