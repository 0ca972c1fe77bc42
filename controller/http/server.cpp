#include "controller/http/server.hpp"

#include <microhttpd.h>
#include <sys/socket.h>

#include <array>
#include <cstdarg>
#include <cstdio>
#include <vector>

#include "base/assert.hpp"
#include "controller/http/exchange.hpp"
#include "controller/http/listen.hpp"
#include "controller/http/problem.hpp"
#include "shell/durable_file.hpp"
#include "shell/log.hpp"
#include "shell/random.hpp"

namespace ballast::controller::http {

namespace {

// Beside the TCP side's, so that root on the box gets in when strangers hold all of those.
constexpr unsigned unix_connections_max = 8;
// A refused body is read to its end up to this much: closing earlier would reset the connection, and the
// client would see that instead of the answer.
constexpr std::uint64_t discarded_body_bytes_max = 1024 * 1024;
// What libmicrohttpd keeps of a connection beside the request's head: read buffer, parsed headers, answer's
// head.
constexpr std::size_t connection_memory_bytes = 32 * 1024;
constexpr std::size_t buffer_kept_bytes = 16 * 1024;  // of a connection, from one request to the next
constexpr std::size_t pem_bytes_max = 256 * 1024;
constexpr int runs_in_a_row_max = 8;

}  // namespace

enum class Stage : std::uint8_t { reading, discarding, waiting, concluded, sending };

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
    Wait wait;
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
    MHD_Daemon* daemon = nullptr;
    std::unique_ptr<FdWatch> watch;
    Timer timer;  // when the daemon wants to run next
    // A resumed connection makes the daemon's descriptor readable only with its next event (libmicrohttpd
    // 0.9.75), so the daemon is run on purpose; from the loop, because it may be running now.
    Timer resumed;
};

struct Server::Impl {
    Impl(Loop& event_loop, const HttpConfig& settings, Service& served)
        : loop{event_loop},
          config{settings},
          service{served},
          slots(settings.connections_max + unix_connections_max),
          sweeper{event_loop, [this] { sweep(); }} {
        std::array<char, 16> text{};
        const int length = std::snprintf(text.data(), text.size(), "%08llx",
                                         static_cast<unsigned long long>(random_u64() & 0xffffffffU));
        id_prefix.assign(text.data(), static_cast<std::size_t>(length));
    }

    Slot* open_slot(Endpoint& endpoint, MHD_Connection* connection);
    void close_slot(Slot& slot);
    MHD_Result begin(Slot& slot, const char* url, const char* method);
    MHD_Result take_body(Slot& slot, const char* data, std::size_t bytes);
    MHD_Result dispatch(Slot& slot);
    MHD_Result answer(Slot& slot);
    void completed(Slot& slot);
    void look_at_waits();
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
    std::string id_prefix;
    std::uint64_t next_id = 1;
    ServerCounters counters;
};

// ---- libmicrohttpd's callbacks ----

namespace {

Slot* slot_of(MHD_Connection* connection) {
    const auto* info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info != nullptr ? static_cast<Slot*>(info->socket_context) : nullptr;
}

void on_connection(void* cls, MHD_Connection* connection, void** context,
                   MHD_ConnectionNotificationCode code) {
    auto& endpoint = *static_cast<Endpoint*>(cls);
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        *context = endpoint.server.open_slot(endpoint, connection);
    } else if (*context != nullptr) {
        endpoint.server.close_slot(*static_cast<Slot*>(*context));
        *context = nullptr;
    }
}

// A decoded NUL would end the path early, and let "/v1/hosts%00x" pass for "/v1/hosts".
void* on_uri(void*, const char* uri, MHD_Connection* connection) {
    if (Slot* slot = slot_of(connection); slot != nullptr) {
        slot->nul_in_uri = std::string_view{uri}.find("%00") != std::string_view::npos;
    }
    return nullptr;
}

MHD_Result on_request(void* cls, MHD_Connection* connection, const char* url, const char* method, const char*,
                      const char* data, size_t* bytes, void** context) {
    auto& endpoint = *static_cast<Endpoint*>(cls);
    Slot* slot = slot_of(connection);
    if (slot == nullptr) {
        return MHD_NO;  // no slot was free: see open_slot
    }
    if (*context == nullptr) {
        *context = slot;
        return endpoint.server.begin(*slot, url, method);
    }
    if (*bytes != 0) {
        const std::size_t taken = *bytes;
        *bytes = 0;
        return endpoint.server.take_body(*slot, data, taken);
    }
    return endpoint.server.dispatch(*slot);
}

void on_completed(void* cls, MHD_Connection*, void** context, MHD_RequestTerminationCode) {
    if (*context != nullptr) {
        static_cast<Endpoint*>(cls)->server.completed(*static_cast<Slot*>(*context));
        *context = nullptr;
    }
}

__attribute__((format(printf, 2, 0))) void on_log(void*, const char* format, va_list arguments) {
    std::array<char, 256> line{};
    std::vsnprintf(line.data(), line.size(), format, arguments);
    std::string_view text{line.data()};
    while (text.ends_with('\n')) {
        text.remove_suffix(1);
    }
    log_debug("http: {}", text);
}

}  // namespace

// ---- daemons ----

Endpoint::Endpoint(Server::Impl& owner, Loop& event_loop, bool local)
    : server{owner},
      loop{event_loop},
      is_unix{local},
      timer{event_loop, [this] { run(); }},
      resumed{event_loop, [this] { run(); }} {}

Endpoint::~Endpoint() {
    watch.reset();
    if (daemon != nullptr) {
        for (Slot& slot : server.slots) {
            if (slot.in_use && slot.endpoint == this && slot.stage == Stage::waiting) {
                // A daemon with suspended connections cannot be stopped.
                MHD_resume_connection(slot.connection);
            }
        }
        MHD_stop_daemon(daemon);
    }
}

bool Endpoint::start(UniqueFd listening, unsigned connections_max, const HttpConfig& config,
                     std::string& why) {
    unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
    std::vector<MHD_OptionItem> options{
        {MHD_OPTION_NOTIFY_CONNECTION, reinterpret_cast<intptr_t>(&on_connection), this},
        {MHD_OPTION_NOTIFY_COMPLETED, reinterpret_cast<intptr_t>(&on_completed), this},
        {MHD_OPTION_URI_LOG_CALLBACK, reinterpret_cast<intptr_t>(&on_uri), nullptr},
    };
    if (!is_unix && !config.plain) {
        if (!read_bounded(config.tls_certificate, pem_bytes_max, certificate, why).ok() ||
            !read_bounded(config.tls_key, pem_bytes_max, key, why).ok()) {
            return false;
        }
        flags |= MHD_USE_TLS;
        options.push_back({MHD_OPTION_HTTPS_MEM_CERT, 0, certificate.data()});
        options.push_back({MHD_OPTION_HTTPS_MEM_KEY, 0, key.data()});
        options.push_back({MHD_OPTION_HTTPS_PRIORITIES, 0,
                           const_cast<char*>("NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2")});
    }
    options.push_back({MHD_OPTION_END, 0, nullptr});
    const int fd = listening.get();
    daemon = MHD_start_daemon(
        flags, 0, nullptr, nullptr, &on_request, this, MHD_OPTION_EXTERNAL_LOGGER, &on_log, nullptr,
        MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, connections_max,
        MHD_OPTION_PER_IP_CONNECTION_LIMIT, is_unix ? 0U : config.connections_per_address_max,
        MHD_OPTION_CONNECTION_TIMEOUT, static_cast<unsigned>(config.idle_timeout.ms / 1000),
        MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        connection_memory_bytes + 2 * std::size_t{config.header_bytes_max}, MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_ARRAY, options.data(), MHD_OPTION_END);
    if (daemon == nullptr) {
        why = "the HTTP server does not start" +
              std::string{(flags & MHD_USE_TLS) != 0 ? ": do http.certificate and http.key fit each other?"
                                                     : ""};
        return false;
    }
    listening.release();  // the daemon closes it
    const auto* info = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_EPOLL_FD);
    BALLAST_ASSERT(info != nullptr);
    watch = std::make_unique<FdWatch>(loop, info->epoll_fd, Interest::read, [this](Interest) { run(); });
    return true;
}

void Endpoint::run() {
    unsigned long long wait_ms = 0;
    for (int i = 0; i < runs_in_a_row_max; ++i) {
        MHD_run(daemon);
        if (MHD_get_timeout(daemon, &wait_ms) != MHD_YES) {
            timer.stop();
            return;
        }
        if (wait_ms != 0) {
            break;
        }
    }
    // Agents and timers get their turn before the rest.
    timer.start_once(milliseconds(static_cast<std::int64_t>(wait_ms)));
}

// ---- requests ----

Slot* Server::Impl::open_slot(Endpoint& endpoint, MHD_Connection* connection) {
    for (Slot& slot : slots) {
        if (!slot.in_use) {
            slot = Slot{};
            slot.in_use = true;
            slot.endpoint = &endpoint;
            slot.connection = connection;
            slot.fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
            await_request(slot);
            ++counters.connections;
            ++counters.connections_now;
            return &slot;
        }
    }
    return nullptr;  // cannot be: the daemons' limits add up to the slots
}

void Server::Impl::close_slot(Slot& slot) {
    slot = Slot{};
    --counters.connections_now;
}

void Server::Impl::await_request(Slot& slot) {
    slot.stage = Stage::reading;
    slot.deadline = mono_now() + config.request_timeout;
    slot.body_bytes = 0;
}

void Server::Impl::refuse(Slot& slot, Problem problem) {
    slot.stage = Stage::discarding;
    slot.refusal = std::move(problem);
}

MHD_Result Server::Impl::begin(Slot& slot, const char* url, const char* method) {
    ++counters.requests;
    Request& request = slot.request;
    request = Request{};
    request.id = id_prefix + "-" + std::to_string(next_id++);
    std::optional<Problem> problem =
        read_head(slot.connection, url, method, config.header_bytes_max, request);
    if (slot.nul_in_uri) {
        problem = Problem{.slug = Slug::invalid_request, .detail = "a NUL byte in the path or query"};
    }
    const std::string_view token = bearer_token(slot.connection);
    const bool trusted = slot.endpoint->is_unix ? peer_is_trusted(slot.fd) : !config.authenticate;
    request.role = trusted ? Role::admin : service.authenticate(token);
    if (trusted && request.method != Method::get && sent_by_a_browser_page(slot.connection)) {
        problem = Problem{.slug = Slug::forbidden, .detail = "a web page may not act without a token"};
    }
    if (problem.has_value()) {
        ++counters.refused_header;
        refuse(slot, std::move(*problem));
    }
    const std::uint64_t announced = announced_body_bytes(slot.connection).value_or(0);
    if (announced > config.body_bytes_max && slot.stage != Stage::discarding) {
        ++counters.refused_body;
        refuse(slot,
               Problem{.slug = Slug::too_large,
                       .detail = "a body has at most " + std::to_string(config.body_bytes_max) + " bytes",
                       .limit = "http.body_bytes_max"});
    }
    return announced > discarded_body_bytes_max ? dispatch(slot) : MHD_YES;
}

MHD_Result Server::Impl::take_body(Slot& slot, const char* data, std::size_t bytes) {
    slot.body_bytes += bytes;
    if (slot.stage == Stage::reading && slot.body_bytes <= config.body_bytes_max) {
        slot.request.body.append(data, bytes);
        return MHD_YES;
    }
    if (slot.stage == Stage::reading) {
        ++counters.refused_body;
        slot.request.body.clear();
        refuse(slot,
               Problem{.slug = Slug::too_large,
                       .detail = "a body has at most " + std::to_string(config.body_bytes_max) + " bytes",
                       .limit = "http.body_bytes_max"});
    }
    return slot.body_bytes <= discarded_body_bytes_max ? MHD_YES : MHD_NO;
}

MHD_Result Server::Impl::dispatch(Slot& slot) {
    if (slot.stage == Stage::discarding) {
        slot.reply = to_reply(slot.refusal, slot.request.id);
    } else if (slot.stage == Stage::reading) {
        Answer result = service.handle(slot.request);
        if (const auto* wait = std::get_if<Wait>(&result)) {
            slot.wait = *wait;
            slot.stage = Stage::waiting;
            ++counters.waiting_now;
            MHD_suspend_connection(slot.connection);
            return MHD_YES;
        }
        slot.reply = std::get<Reply>(std::move(result));
    }
    return answer(slot);
}

MHD_Result Server::Impl::answer(Slot& slot) {
    MHD_Response* response = make_response(slot.reply, slot.request.id);
    if (response == nullptr) {
        return MHD_NO;
    }
    const MHD_Result queued = MHD_queue_response(slot.connection, slot.reply.status, response);
    MHD_destroy_response(response);
    slot.stage = Stage::sending;
    slot.deadline = mono_now() + config.request_timeout;
    ++counters.replies_by_class[std::min(slot.reply.status / 100, 5U)];
    counters.refused_unauthenticated += slot.reply.status == MHD_HTTP_UNAUTHORIZED ? 1 : 0;
    const Request& request = slot.request;
    if (request.method == Method::get) {
        log_debug("http {}: {} {} -> {}", request.id, request.method_text, request.path, slot.reply.status);
    } else {
        log_info("http {}: {} {} by {} -> {}", request.id, request.method_text, request.path,
                 to_string(request.role), slot.reply.status);
    }
    return queued;
}

void Server::Impl::completed(Slot& slot) {
    if (slot.stage == Stage::waiting) {
        --counters.waiting_now;
    }
    slot.reply = Reply{};
    if (slot.request.body.capacity() > buffer_kept_bytes) {
        slot.request.body = {};
    }
    await_request(slot);
}

void Server::Impl::look_at_waits() {
    for (Slot& slot : slots) {
        if (slot.in_use && slot.stage == Stage::waiting && service.over(slot.wait)) {
            slot.reply = service.conclude(slot.request, slot.wait);
            slot.stage = Stage::concluded;
            --counters.waiting_now;
            MHD_resume_connection(slot.connection);
            slot.endpoint->resumed.start_once(milliseconds(0));
        }
    }
}

void Server::Impl::sweep() {
    look_at_waits();
    const Instant at = mono_now();
    for (Slot& slot : slots) {
        const bool bounded = slot.stage != Stage::waiting && slot.stage != Stage::concluded;
        if (slot.in_use && bounded && at > slot.deadline) {
            ++counters.cut_off_slow;
            ::shutdown(slot.fd, SHUT_RDWR);               // the daemon sees the end and closes
            slot.deadline = at + config.request_timeout;  // once is enough
        }
    }
}

// ---- the face ----

Server::Server() = default;
Server::~Server() = default;

std::unique_ptr<Server> Server::open(Loop& loop, const HttpConfig& config, Service& service,
                                     std::string& why) {
    std::unique_ptr<Server> server{new Server};
    server->impl_ = std::make_unique<Impl>(loop, config, service);
    Impl& impl = *server->impl_;
    if (!config.listen.empty()) {
        impl.port = config.port;
        UniqueFd fd = listen_tcp(config.listen, impl.port, why);
        impl.tcp = std::make_unique<Endpoint>(impl, loop, false);
        if (!fd || !impl.tcp->start(std::move(fd), config.connections_max, config, why)) {
            return nullptr;
        }
    }
    if (!config.socket.empty()) {
        UniqueFd fd = listen_unix(config.socket, why);
        impl.local = std::make_unique<Endpoint>(impl, loop, true);
        if (!fd || !impl.local->start(std::move(fd), unix_connections_max, config, why)) {
            return nullptr;
        }
    }
    impl.sweeper.start_every(seconds(1));
    return server;
}

void Server::look_at_waits() {
    impl_->look_at_waits();
}
std::uint16_t Server::port() const noexcept {
    return impl_->port;
}
const ServerCounters& Server::counters() const noexcept {
    return impl_->counters;
}

}  // namespace ballast::controller::http
