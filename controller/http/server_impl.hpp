// The parts of the server: its connections, its daemons, and what they share. For server.cpp and endpoint.cpp
// only.
#pragma once

#include <microhttpd.h>
#include <poll.h>

#include <memory>
#include <string>
#include <vector>

#include "controller/http/problem.hpp"
#include "controller/http/server.hpp"
#include "shell/loop.hpp"
#include "shell/unique_fd.hpp"

namespace ballast::controller::http {

// `queued`: came in a turn that had no time left for it. `storing`: answered, and not told before the answer
// is on disk. `opening`: the answer is a stream that was not begun yet. `streaming`: the daemon asks for more
// when it could send what it has; `idle`: there was no more, it is suspended.
enum class Stage : std::uint8_t {
    reading,
    discarding,
    queued,
    waiting,
    storing,
    concluded,
    opening,
    sending,
    streaming,
    idle
};

struct Endpoint;

// One connection and its present request.
struct Slot {
    bool in_use = false;
    Endpoint* endpoint = nullptr;
    MHD_Connection* connection = nullptr;
    int fd = -1;
    Stage stage = Stage::reading;
    Instant deadline;  // of reading a whole request, or of sending its answer
    Request request;
    Reply reply;
    Problem refusal;  // when discarding
    std::uint64_t body_bytes = 0;
    std::uint64_t transaction = 0;  // that must be on disk before it is told; storing or waiting; 0: none
    std::uint64_t entry = 0;        // of the log of who did what, likewise
    std::int64_t began_ns = 0;      // the request's head was there
    std::int64_t decided_ns = 0;    // REQUIRES: storing
    Landing landing;                // of its transaction, once that is on disk
    Wait wait;
    Stream stream;
    bool gone = false;  // nobody reads the stream any more
    bool nul_in_uri = false;
};

// One listening socket with its daemon.
struct Endpoint {
    Endpoint(Server::Impl& owner, Loop& loop, bool is_unix);
    ~Endpoint();
    bool start(UniqueFd listening, unsigned connections_max, const HttpConfig& config, std::string& why);
    void run();

    Server::Impl& server;
    Loop& loop;
    bool is_unix;
    std::string certificate;
    std::string key;
    std::string client_ca;
    MHD_Daemon* daemon = nullptr;
    bool room_made = false;  // a connection was closed in this run of the daemon
    std::unique_ptr<FdWatch> watch;
    Timer timer;  // when the daemon wants to run next
    // A resumed connection makes the daemon's descriptor readable only with its next event (libmicrohttpd
    // 0.9.75), so the daemon is run on purpose; from the loop, because it may be running now.
    Timer resumed;
};

struct Server::Impl {
    Impl(Loop& event_loop, const HttpConfig& settings, Service& served);

    Slot* open_slot(Endpoint& endpoint, MHD_Connection* connection);
    void close_slot(Slot& slot);
    std::optional<Problem> identify(Slot& slot);
    MHD_Result begin(Slot& slot, const char* url, const char* method);
    MHD_Result take_body(Slot& slot, const char* data, std::size_t bytes);
    MHD_Result dispatch(Slot& slot);
    // Has the service answer. False when the answer is to come later, and the connection to be suspended.
    bool handle(Slot& slot);
    bool on_disk(const Slot& slot) const;
    void serve_queue();
    MHD_Result answer(Slot& slot);
    void count_answer(const Slot& slot, unsigned status);
    void count_change(const Slot& slot);
    // ---- streams.cpp ----
    MHD_Result begin_stream(Slot& slot);
    ssize_t read_stream(Slot& slot, std::span<char> out);
    void resume_stream(Slot& slot);
    void go_on_with_streams();
    void end_abandoned_streams();
    void stop_waiting(const Slot& slot);
    void completed(Slot& slot);
    void look_at_waits();
    void release(bool stored);
    void conclude(Slot& slot);
    void resume(Slot& slot);
    void sweep();
    void refuse(Slot& slot, Problem problem);
    void await_request(Slot& slot);

    Loop& loop;
    HttpConfig config;
    Service& service;
    std::vector<Slot> slots;
    Timer sweeper;
    std::unique_ptr<Endpoint> tcp;
    std::unique_ptr<Endpoint> local;
    std::uint16_t port = 0;
    WallTime certificate_ends;  // 0 without TLS
    std::string id_prefix;
    std::uint64_t next_id = 1;
    std::size_t storing = 0;  // slots in that stage
    ServerCounters counters;
    std::vector<Slot*> queue;       // of those in that stage, first come, first served
    Timer queue_rest;               // the next turn
    std::vector<pollfd> looked_at;  // by slot
    Timer streams_rest;             // resumes those that one turn left
    std::size_t streams_first = 0;  // where the next turn begins: each gets its turn
};

}  // namespace ballast::controller::http
