// Answers that go on: libmicrohttpd asks for more when it can send more; while there is nothing, the
// connection is suspended and costs no time.
#include <poll.h>

#include "controller/http/exchange.hpp"
#include "controller/http/server_impl.hpp"

namespace ballast::controller::http {

namespace {

// libmicrohttpd keeps such a block with each stream, and goes through it only for clients of HTTP/1.0: to
// others it has the stream write to the connection's own buffer. A thousand idle readers each have one.
constexpr std::size_t stream_block_bytes = 512;
// Streams that one turn of the loop resumes: agents and timers get theirs between two.
constexpr std::size_t resumed_per_turn = 128;

ssize_t on_stream(void* cls, std::uint64_t, char* out, std::size_t bytes_max) {
    auto& slot = *static_cast<Slot*>(cls);
    return slot.endpoint->server.read_stream(slot, {out, bytes_max});
}

}  // namespace

MHD_Result Server::Impl::begin_stream(Slot& slot) {
    MHD_Response* response =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, stream_block_bytes, &on_stream, &slot, nullptr);
    if (response == nullptr) {
        return MHD_NO;
    }
    Reply reply;
    reply.content_type = slot.stream.format == Format::sse ? "text/event-stream" : "application/x-ndjson";
    reply.headers.emplace_back("X-Accel-Buffering", "no");  // a proxy in between is not to collect
    add_headers(response, reply, slot.request.id);
    const MHD_Result queued = MHD_queue_response(slot.connection, MHD_HTTP_OK, response);
    MHD_destroy_response(response);
    slot.stage = Stage::streaming;
    slot.deadline = mono_now() + config.request_timeout;
    ++counters.readers_now;
    count_answer(slot, MHD_HTTP_OK);
    return queued;
}

ssize_t Server::Impl::read_stream(Slot& slot, std::span<char> out) {
    std::size_t bytes = 0;
    if (slot.gone) {
        return MHD_CONTENT_READER_END_WITH_ERROR;
    }
    switch (service.read(slot.stream, out, bytes)) {
        case Reading::some:
            slot.deadline = mono_now() + config.request_timeout;
            return static_cast<ssize_t>(bytes);
        case Reading::nothing:
            slot.stage = Stage::idle;
            MHD_suspend_connection(slot.connection);
            return 0;
        case Reading::over: return MHD_CONTENT_READER_END_OF_STREAM;
        case Reading::lost: break;
    }
    ++counters.readers_cut_off;
    return MHD_CONTENT_READER_END_WITH_ERROR;
}

void Server::Impl::resume_stream(Slot& slot) {
    slot.stage = Stage::streaming;
    slot.deadline = mono_now() + config.request_timeout;
    resume(slot);
}

void Server::Impl::go_on_with_streams() {
    std::size_t resumed = 0;
    for (std::size_t i = 0; i < slots.size(); ++i) {
        const std::size_t at = (streams_first + i) % slots.size();
        if (!slots[at].in_use || slots[at].stage != Stage::idle) {
            continue;
        }
        if (resumed++ == resumed_per_turn) {
            streams_first = at;
            streams_rest.start_once(milliseconds(1));
            return;
        }
        resume_stream(slots[at]);
    }
}

// The daemon does not look at connections that are suspended: whoever has left would hold a place until there
// is something to send.
void Server::Impl::end_abandoned_streams() {
    looked_at.clear();
    for (const Slot& slot : slots) {
        const bool idle = slot.in_use && slot.stage == Stage::idle;
        looked_at.push_back({idle ? slot.fd : -1, POLLRDHUP, 0});  // poll passes over negative ones
    }
    if (::poll(looked_at.data(), looked_at.size(), 0) <= 0) {
        return;
    }
    for (std::size_t i = 0; i < slots.size(); ++i) {
        if (looked_at[i].fd >= 0 && looked_at[i].revents != 0) {
            slots[i].gone = true;
            resume_stream(slots[i]);
        }
    }
}

// Before the slot's stage says something else.
void Server::Impl::stop_waiting(const Slot& slot) {
    const bool waited = slot.stage == Stage::waiting;
    const bool streamed = slot.stage == Stage::streaming || slot.stage == Stage::idle;
    counters.waiting_now -= waited ? 1 : 0;
    counters.readers_now -= streamed || (waited && slot.wait.for_events) ? 1 : 0;
}

}  // namespace ballast::controller::http
