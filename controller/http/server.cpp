#include "controller/http/server.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstdio>

#include "controller/http/client_certificate.hpp"
#include "controller/http/exchange.hpp"
#include "controller/http/listen.hpp"
#include "controller/http/server_impl.hpp"
#include "shell/log.hpp"
#include "shell/random.hpp"
#include "shell/tls.hpp"

namespace ballast::controller::http {

namespace {

// A refused body is read to its end up to this much: closing earlier would reset the connection, and the
// client would see that instead of the answer.
constexpr std::uint64_t discarded_body_bytes_max = 1024 * 1024;
constexpr std::size_t buffer_kept_bytes = 16 * 1024;  // of a connection, from one request to the next

}  // namespace

Server::Impl::Impl(Loop& event_loop, const HttpConfig& settings, Service& served)
    : loop{event_loop},
      config{settings},
      service{served},
      slots(settings.connections_max + unix_connections_max),
      sweeper{event_loop, [this] { sweep(); }},
      queue_rest{event_loop, [this] { serve_queue(); }},
      streams_rest{event_loop, [this] { go_on_with_streams(); }} {
    queue.reserve(slots.size());
    looked_at.reserve(slots.size());
    std::array<char, 16> text{};
    const int length = std::snprintf(text.data(), text.size(), "%08llx",
                                     static_cast<unsigned long long>(random_u64() & 0xffffffffU));
    id_prefix.assign(text.data(), static_cast<std::size_t>(length));
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

// Finds out who calls. A problem when that alone is enough to refuse.
std::optional<Problem> Server::Impl::identify(Slot& slot) {
    Request& request = slot.request;
    request.address = slot.endpoint->is_unix ? std::string{} : peer_address(slot.connection);
    const bool asks_for_certificates = !slot.endpoint->client_ca.empty();
    const std::string certificate = asks_for_certificates ? client_certificate_name(slot.connection) : "";
    request.caller = service.authenticate({.local = slot.endpoint->is_unix && peer_is_trusted(slot.fd),
                                           .token = bearer_token(slot.connection),
                                           .certificate = certificate,
                                           .address = request.address});
    const Caller& caller = request.caller;
    if (caller.retry_after_seconds != 0) {
        return Problem{.slug = Slug::rate_limited,
                       .detail = "too many wrong credentials came from this address",
                       .limit = "http.failed_logins_per_minute",
                       .retry_after_seconds = caller.retry_after_seconds};
    }
    if (foreign_page(caller.proof, page_fields(slot.connection), request.method != Method::get,
                     config.names)) {
        return Problem{.slug = Slug::forbidden,
                       .detail =
                           "a page of another site may not act without a token; this controller's own "
                           "address is a number, localhost or one of http.names"};
    }
    return std::nullopt;
}

MHD_Result Server::Impl::begin(Slot& slot, const char* url, const char* method) {
    ++counters.requests;
    slot.began_ns = mono_ns();
    Request& request = slot.request;
    request = Request{};
    request.id = id_prefix + "-" + std::to_string(next_id++);
    std::optional<Problem> problem =
        read_head(slot.connection, url, method, config.header_bytes_max, request);
    if (slot.nul_in_uri) {
        problem = Problem{.slug = Slug::invalid_request, .detail = "a NUL byte in the path or query"};
    }
    if (std::optional<Problem> refused = identify(slot); refused.has_value()) {
        problem = std::move(refused);
    }
    const bool unclear = body_end_is_unclear(slot.connection);
    if (unclear) {
        problem = Problem{.slug = Slug::invalid_request,
                          .detail =
                              "the length of the body: expected one Content-Length, or "
                              "\"Transfer-Encoding: chunked\" alone",
                          .ends_connection = true};
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
    return unclear || announced > discarded_body_bytes_max ? dispatch(slot) : MHD_YES;
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
        if (!queue.empty() || loop.part_is_spent()) {
            slot.stage = Stage::queued;
            queue.push_back(&slot);
            queue_rest.start_once(milliseconds(0));
            ++counters.deferred;
            MHD_suspend_connection(slot.connection);
            return MHD_YES;
        }
        if (!handle(slot)) {
            MHD_suspend_connection(slot.connection);
            return MHD_YES;
        }
    }
    return slot.stage == Stage::opening ? begin_stream(slot) : answer(slot);
}

bool Server::Impl::handle(Slot& slot) {
    const std::uint64_t noted = service.noted();
    Answer result = service.handle(slot.request);
    // A reader is told what it reads at once; only who changed something waits for the disk.
    slot.transaction = slot.request.method == Method::get ? 0 : service.decided();
    slot.transaction = slot.transaction > service.stored() ? slot.transaction : 0;
    slot.entry = service.noted() != noted ? service.noted() : 0;
    if (const auto* wait = std::get_if<Wait>(&result)) {
        slot.wait = *wait;
        slot.stage = Stage::waiting;
        ++counters.waiting_now;
        counters.readers_now += wait->for_events ? 1 : 0;
        return false;
    }
    if (auto* stream = std::get_if<Stream>(&result)) {
        slot.stream = std::move(*stream);
        slot.stage = Stage::opening;
        return true;
    }
    slot.reply = std::get<Reply>(std::move(result));
    if (!on_disk(slot)) {
        slot.stage = Stage::storing;
        slot.decided_ns = mono_ns();
        ++storing;
        return false;
    }
    slot.stage = Stage::concluded;
    return true;
}

bool Server::Impl::on_disk(const Slot& slot) const {
    return slot.transaction <= service.stored() && slot.entry <= service.recorded();
}

// At least one: whatever else the turn was spent on, the queue gets shorter.
void Server::Impl::serve_queue() {
    std::size_t served = 0;
    do {
        Slot& slot = *queue[served++];
        if (handle(slot)) {
            resume(slot);
        }
    } while (served < queue.size() && !loop.part_is_spent());
    queue.erase(queue.begin(), queue.begin() + static_cast<std::ptrdiff_t>(served));
    if (!queue.empty()) {
        queue_rest.start_once(milliseconds(0));
    }
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
    count_answer(slot, slot.reply.status);
    count_change(slot);
    return queued;
}

void Server::Impl::count_change(const Slot& slot) {
    const auto [handed_ns, landed_ns] = slot.landing;
    if (handed_ns == 0) {
        return;  // it did not wait for the disk
    }
    const auto add = [this](ChangePart part, std::int64_t from_ns, std::int64_t to_ns) {
        counters.changes_took[static_cast<std::size_t>(part)].add_us(
            static_cast<std::uint64_t>(std::max<std::int64_t>(to_ns - from_ns, 0)) / 1000);
    };
    add(ChangePart::decide, slot.began_ns, slot.decided_ns);
    add(ChangePart::queue, slot.decided_ns, handed_ns);
    add(ChangePart::store, handed_ns, landed_ns);
    add(ChangePart::answer, landed_ns, mono_ns());
}

void Server::Impl::count_answer(const Slot& slot, unsigned status) {
    ++counters.replies_by_class[std::min(status / 100, 5U)];
    counters.refused_unauthenticated += status == MHD_HTTP_UNAUTHORIZED ? 1 : 0;
    const Request& request = slot.request;
    if (request.method == Method::get) {
        log_debug("http {}: {} {} -> {}", request.id, request.method_text, request.path, status);
    } else {
        log_info(
            "http {}: {} {} by {} -> {}", request.id, request.method_text, request.path,
            request.caller.name.empty() ? std::string_view{"nobody"} : std::string_view{request.caller.name},
            status);
    }
}

void Server::Impl::completed(Slot& slot) {
    stop_waiting(slot);
    storing -= slot.stage == Stage::storing ? 1 : 0;
    slot.reply = Reply{};
    slot.stream = Stream{};
    slot.landing = {};
    slot.gone = false;
    if (slot.request.body.capacity() > buffer_kept_bytes) {
        slot.request.body = {};
    }
    await_request(slot);
}

void Server::Impl::look_at_waits() {
    for (Slot& slot : slots) {
        if (slot.in_use && slot.stage == Stage::waiting && on_disk(slot) && service.over(slot.wait)) {
            slot.reply = service.conclude(slot.request, slot.wait);
            stop_waiting(slot);
            conclude(slot);
        }
    }
}

void Server::Impl::release(bool stored) {
    for (Slot& slot : slots) {
        if (storing == 0) {
            break;
        }
        if (!slot.in_use || slot.stage != Stage::storing) {
            continue;
        }
        if (slot.transaction != 0 && (!stored || slot.transaction <= service.stored())) {
            if (stored) {
                slot.landing = service.landing();
            } else {
                slot.reply = service.unstored(slot.request);
            }
            slot.transaction = 0;
        }
        if (on_disk(slot)) {
            --storing;
            conclude(slot);
        }
    }
}

// The answer is there and may be told.
void Server::Impl::conclude(Slot& slot) {
    slot.stage = Stage::concluded;
    resume(slot);
}

void Server::Impl::resume(Slot& slot) {
    MHD_resume_connection(slot.connection);
    slot.endpoint->resumed.start_once(milliseconds(0));
}

void Server::Impl::sweep() {
    look_at_waits();
    end_abandoned_streams();
    const Instant at = mono_now();
    for (Slot& slot : slots) {
        const bool idle = slot.stage == Stage::idle;
        if (slot.in_use && idle && at >= slot.stream.due) {
            resume_stream(slot);
        }
        const bool bounded = slot.stage == Stage::reading || slot.stage == Stage::discarding ||
                             slot.stage == Stage::sending || slot.stage == Stage::streaming;
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
        impl.certificate_ends = ballast::certificate_ends(impl.tcp->certificate);
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
void Server::go_on_with_streams() {
    impl_->look_at_waits();
    impl_->go_on_with_streams();
}
void Server::release(bool stored) {
    impl_->release(stored);
}
std::uint16_t Server::port() const noexcept {
    return impl_->port;
}
WallTime Server::certificate_ends() const noexcept {
    return impl_->certificate_ends;
}
const ServerCounters& Server::counters() const noexcept {
    return impl_->counters;
}

}  // namespace ballast::controller::http
