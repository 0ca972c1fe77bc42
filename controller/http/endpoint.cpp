// The daemons of libmicrohttpd: their start, their turns on the loop, and their callbacks.
#include <array>
#include <cstdarg>
#include <cstdio>

#include "base/assert.hpp"
#include "controller/http/server_impl.hpp"
#include "shell/durable_file.hpp"
#include "shell/log.hpp"

namespace ballast::controller::http {

namespace {

constexpr std::size_t pem_bytes_max = 256 * 1024;
constexpr int runs_in_a_row_max = 8;

}  // namespace

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
        return;
    }
    endpoint.room_made = true;
    if (*context != nullptr) {
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
            const bool suspended = slot.stage == Stage::queued || slot.stage == Stage::waiting ||
                                   slot.stage == Stage::storing || slot.stage == Stage::idle;
            if (slot.in_use && slot.endpoint == this && suspended) {
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
        if (!config.client_ca.empty()) {
            if (!read_bounded(config.client_ca, pem_bytes_max, client_ca, why).ok()) {
                return false;
            }
            options.push_back({MHD_OPTION_HTTPS_MEM_TRUST, 0, client_ca.data()});
        }
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
        room_made = false;
        MHD_run(daemon);
        if (room_made) {
            // With all places taken the daemon stops listening, and begins again only at the start of a run:
            // without one more, and with nobody left to cause it, it would never.
            wait_ms = 0;
            continue;
        }
        if (MHD_get_timeout(daemon, &wait_ms) != MHD_YES) {
            timer.stop();
            return;
        }
        if (wait_ms != 0 || loop.part_is_spent()) {
            break;
        }
    }
    // Agents and timers get their turn before the rest.
    timer.start_once(milliseconds(static_cast<std::int64_t>(wait_ms)));
}

}  // namespace ballast::controller::http
