#include "shell/link.hpp"

#include "shell/link_impl.hpp"
#include "shell/random.hpp"
#include "shell/socket.hpp"

namespace ballast {
namespace {

// Reads of the socket in one round of the loop.
constexpr int reads_per_round = 4;

}  // namespace

void Link::Impl::on_ready(Interest ready) {
    const auto keep = shared_from_this();
    if (state_ == LinkState::connecting) {
        continue_connect();
        return;
    }
    // Many peers may have something to say at once: what is left unread is ready again in the next turn.
    const bool spent = loop_.part_is_spent();
    if (state_ == LinkState::handshaking) {
        if (!spent) {
            continue_handshake();
        }
        return;
    }
    const auto bits = static_cast<unsigned>(ready);
    if ((bits & static_cast<unsigned>(Interest::write)) != 0) {
        flush();
    }
    if (!spent && ((bits & static_cast<unsigned>(Interest::read)) != 0 || receive_wants_write_)) {
        read_some();
    }
    set_interest();
}

void Link::Impl::continue_connect() {
    Failure failure;
    if (channel_->finish_connect(failure) == IoStep::failed) {
        go_down(std::move(failure));
        return;
    }
    peer_address_ = peer_text(channel_->fd());
    state_ = LinkState::handshaking;
    continue_handshake();
}

void Link::Impl::continue_handshake() {
    Failure failure;
    channel_->allow_reads(reads_per_round);
    switch (channel_->handshake(failure)) {
        case IoStep::want_read: watch_->set(Interest::read); return;
        case IoStep::want_write: watch_->set(Interest::write); return;
        case IoStep::closed:
        case IoStep::failed: go_down(std::move(failure)); return;
        case IoStep::done: break;
    }
    peer_name_ = channel_->peer_name();
    last_heard_ = mono_now();
    if (channel_->encrypted() && role_ == Role::client) {
        state_ = LinkState::confirming;
    } else {
        come_up();
    }
    // The peer's first frames may lie in the TLS buffer already, where no watch would see them.
    read_some();
    set_interest();
}

void Link::Impl::come_up() {
    state_ = LinkState::up;
    handshake_timer_.stop();
    ping_timer_.start_every(options_.ping_every);
    if (channel_->encrypted() && role_ == Role::server) {
        // In TLS 1.3 a client learns only from what we say next whether we took its certificate.
        send(wire::Message{wire::Ping{random_u64()}});
    }
    events_.on_up();
}

void Link::Impl::read_some() {
    if (!open()) {
        return;
    }
    channel_->allow_reads(reads_per_round);
    receive_wants_write_ = false;
    while (open()) {
        Failure failure;
        std::size_t got = 0;
        const IoStep step = channel_->receive(receive_buffer_.space(), got, failure);
        switch (step) {
            case IoStep::done:
                last_heard_ = mono_now();
                receive_buffer_.received(got);
                if (!take_frames()) {
                    return;
                }
                break;
            case IoStep::want_read: receive_buffer_.rest(); return;
            case IoStep::want_write: receive_wants_write_ = true; return;
            case IoStep::closed: peer_closed(); return;
            case IoStep::failed:
                // Once we have said everything, how the peer hangs up does not matter.
                go_down(said_all_ ? Failure{Fault::none, "closed"} : std::move(failure));
                return;
        }
    }
}

// False when the link is no longer open.
bool Link::Impl::take_frames() {
    while (open()) {
        if (state_ == LinkState::finishing) {
            receive_buffer_.drop_all();
            return true;
        }
        const auto payload = receive_buffer_.next_frame();
        if (!payload.ok()) {
            go_down({payload.fault(), "the peer sent a frame whose length is zero or above " +
                                          std::to_string(options_.frame_bytes_max) + " bytes"});
            return false;
        }
        if (payload.value().empty()) {
            return true;
        }
        if (!take_payload(payload.value())) {
            return false;
        }
    }
    return false;
}

bool Link::Impl::take_payload(std::span<const std::byte> payload) {
    wire::Message& message = scratch_->message;
    wire::Chunk chunk;
    if (!scratch_->codec.decode(payload, message, chunk).ok() || !chunk.data.empty()) {
        go_down({Fault::protocol_violation, chunk.data.empty()
                                                ? "the peer sent a message that is malformed"
                                                : "the peer sent a memory image on a control link"});
        return false;
    }
    if (state_ == LinkState::confirming) {
        come_up();
    }
    if (!open() || std::holds_alternative<std::monostate>(message) ||
        std::holds_alternative<wire::Pong>(message)) {
        return open();
    }
    if (const auto* ping = std::get_if<wire::Ping>(&message)) {
        if (state_ == LinkState::up) {
            send(wire::Message{wire::Pong{ping->nonce}});
        }
        return open();
    }
    events_.on_message(message);
    return open();
}

bool Link::Impl::send(const wire::Message& message) {
    return queue(message, false);
}

bool Link::Impl::hold(const wire::Message& message) {
    return queue(message, true);
}

void Link::Impl::release_sealed() {
    send_buffer_.release();
    set_interest();
}

bool Link::Impl::queue(const wire::Message& message, bool held) {
    if (state_ != LinkState::up) {
        return false;
    }
    std::string& tail = send_buffer_.tail();
    const std::size_t before = tail.size();
    const Status encoded = scratch_->codec.encode(message, options_.frame_bytes_max, tail);
    if (!encoded.ok()) {
        doom(
            {encoded.fault(), "a message of ours cannot be sent: " + std::string{describe(encoded.fault())}});
        return false;
    }
    send_buffer_.appended(tail.size() - before, held);
    if (send_buffer_.waiting() > options_.send_buffer_bytes_max) {
        doom({Fault::limit_reached, "the peer reads too slowly: more than " +
                                        std::to_string(options_.send_buffer_bytes_max) +
                                        " bytes are waiting"});
        return false;
    }
    set_interest();
    return true;
}

void Link::Impl::flush() {
    while (open() && !send_buffer_.ready().empty()) {
        Failure failure;
        std::size_t taken = 0;
        const IoStep step = channel_->send(send_buffer_.ready(), false, taken, failure);
        send_buffer_.sent(taken);
        if (step == IoStep::failed) {
            go_down(std::move(failure));
            return;
        }
        if (step != IoStep::done) {
            return;
        }
    }
    if (finishing_now()) {
        said_all_ = true;
        channel_->shut_down();
    }
}

void Link::Impl::close() {
    if (!open()) {
        return;
    }
    if (state_ == LinkState::up || state_ == LinkState::finishing) {
        Failure ignored;
        IoStep step = IoStep::done;
        while (!send_buffer_.ready().empty() && step == IoStep::done) {
            std::size_t taken = 0;
            step = channel_->send(send_buffer_.ready(), false, taken, ignored);
            send_buffer_.sent(taken);
        }
        channel_->shut_down();
    }
    doom({Fault::none, "closed here"});
}

void Link::Impl::doom(Failure failure) {
    doom_ = std::move(failure);
    state_ = LinkState::doomed;
    watch_->set(Interest::none);
    doom_timer_.start_once({});
}

void Link::Impl::close_after_send() {
    if (state_ != LinkState::up) {
        if (state_ != LinkState::finishing) {
            close();
        }
        return;
    }
    state_ = LinkState::finishing;
    ping_timer_.stop();
    handshake_timer_.start_once(options_.handshake_timeout);
    watch_->set(Interest::read_write);
}

void Link::Impl::peer_closed() {
    if (!said_all_) {
        channel_->shut_down();
    }
    if (state_ == LinkState::finishing) {
        go_down({Fault::none, !send_buffer_.empty() ? "closed by the peer before all was sent" : "closed"});
    } else if (state_ == LinkState::confirming) {
        go_down({Fault::connection_lost, "the peer closed the connection after the TLS handshake"});
    } else {
        go_down({Fault::connection_lost, receive_buffer_.holds_part()
                                             ? "the peer closed the connection in the middle of a message"
                                             : "the peer closed the connection"});
    }
}

void Link::Impl::on_handshake_timeout() {
    const auto keep = shared_from_this();
    const std::string limit = std::to_string(options_.handshake_timeout.ms) + " ms";
    switch (state_) {
        case LinkState::connecting:
            go_down({Fault::host_unreachable, "no connection within " + limit});
            return;
        case LinkState::handshaking:
        case LinkState::confirming:
            go_down({Fault::deadline_exceeded, "no TLS handshake within " + limit});
            return;
        case LinkState::finishing:
            go_down({Fault::none, "closed; the peer did not close within " + limit});
            return;
        case LinkState::up:
        case LinkState::doomed:
        case LinkState::down: return;
    }
}

void Link::Impl::on_ping_timer() {
    const auto keep = shared_from_this();
    if (mono_now() - last_heard_ > options_.silence_timeout) {
        // Perhaps it was our own loop that did not get round to reading.
        read_some();
    }
    if (state_ != LinkState::up) {
        return;
    }
    if (mono_now() - last_heard_ > options_.silence_timeout) {
        go_down({Fault::connection_lost,
                 "nothing heard from the peer for " + std::to_string(options_.silence_timeout.ms) + " ms"});
        return;
    }
    send(wire::Message{wire::Ping{random_u64()}});
}

void Link::Impl::set_interest() {
    if (open() && state_ != LinkState::connecting && state_ != LinkState::handshaking) {
        watch_->set(!send_buffer_.ready().empty() || receive_wants_write_ || finishing_now()
                        ? Interest::read_write
                        : Interest::read);
    }
}

void Link::Impl::release() {
    if (channel_) {
        bytes_sent_ = channel_->bytes_sent();
        bytes_received_ = channel_->bytes_received();
    }
    watch_.reset();
    handshake_timer_.stop();
    ping_timer_.stop();
    doom_timer_.stop();
    channel_.reset();
}

void Link::Impl::go_down(Failure failure) {
    const auto keep = shared_from_this();
    if (state_ == LinkState::down) {
        return;
    }
    state_ = LinkState::down;
    release();
    events_.on_down(failure.fault, failure.detail);
}

Link::Link(Loop& loop, int socket_fd, Role role, LinkOptions options, Events events)
    : impl_{std::make_shared<Impl>(loop, socket_fd, role, std::move(options), std::move(events))} {}
Link::~Link() {
    impl_->abandon();
}
bool Link::send(const wire::Message& message) {
    return impl_->send(message);
}
bool Link::hold(const wire::Message& message) {
    return impl_->hold(message);
}
void Link::release() {
    impl_->release_sealed();
}
void Link::seal() {
    impl_->seal();
}
void Link::close() {
    impl_->close();
}
void Link::close_after_send() {
    impl_->close_after_send();
}
bool Link::up() const noexcept {
    return impl_->up();
}
std::string_view Link::peer_name() const noexcept {
    return impl_->peer_name();
}
std::string_view Link::peer_address() const noexcept {
    return impl_->peer_address();
}
std::size_t Link::bytes_waiting() const noexcept {
    return impl_->bytes_waiting();
}
std::uint64_t Link::bytes_sent() const noexcept {
    return impl_->bytes_sent();
}
std::uint64_t Link::bytes_received() const noexcept {
    return impl_->bytes_received();
}

}  // namespace ballast
