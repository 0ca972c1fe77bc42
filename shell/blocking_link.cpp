#include <poll.h>

#include <cerrno>
#include <climits>
#include <cstring>
#include <mutex>
#include <optional>

#include "shell/channel.hpp"
#include "shell/link.hpp"
#include "shell/random.hpp"
#include "shell/receive_buffer.hpp"
#include "shell/socket.hpp"

namespace ballast {
namespace {

// A thread of its own: nobody else has to be kept from starving.
constexpr int reads_at_once = INT_MAX;

// Waits until the descriptor is ready or the instant has come; false then. A broken socket counts as ready:
// the next call on it tells why. So does a readable `stop_fd` (-1: none).
bool wait_for(int fd, short events, Instant until, int stop_fd = -1) {
    while (true) {
        const Duration left = until - mono_now();
        if (left.ms < 0) {
            return false;
        }
        pollfd entries[] = {{.fd = fd, .events = events, .revents = 0},
                            {.fd = stop_fd, .events = POLLIN, .revents = 0}};
        const int timeout_ms = static_cast<int>(std::min<std::int64_t>(left.ms, INT_MAX));
        const int ready = ::poll(entries, std::size(entries), timeout_ms);
        if (ready > 0) {
            return true;
        }
        if (ready == 0 && left.ms <= timeout_ms) {
            return false;
        }
    }
}

short events_of(IoStep step) noexcept {
    return step == IoStep::want_write ? POLLOUT : POLLIN;
}

bool readable(int fd) noexcept {
    pollfd entry{.fd = fd, .events = POLLIN, .revents = 0};
    return fd >= 0 && ::poll(&entry, 1, 0) > 0;
}

}  // namespace

struct BlockingLink::Impl {
    Impl(int socket_fd, Role role, LinkOptions chosen)
        : options{std::move(chosen)},
          channel{socket_fd, role, options, encrypted},
          buffer{options.frame_bytes_max, received, SIZE_MAX} {}

    Status shake_hands(Role role, Instant until, Failure& failure);
    Status hear_greeting(Instant until, Failure& failure);
    Result<bool> take_greeting();
    IoStep receive_some(Failure& failure);
    // What the sender does when the peer speaks before it has sent all.
    enum class Interruption : std::uint8_t { ignored, ends_it };

    // Sends the frame's head and, when there is one, its bulk. REQUIRES: send_lock held.
    Status send_frame(std::span<const std::byte> head, std::span<const std::byte> bulk,
                      Interruption interruption);
    Status send_all(std::span<const std::byte> data, bool more, Interruption interruption);
    Status send_chunk(const wire::Chunk& chunk, Interruption interruption);
    // Whether the peer has said something that nobody has received, or has closed.
    bool has_spoken();
    Status send_message(const wire::Message& message);
    Status send_pending_pong();
    void answer(std::uint64_t nonce);
    // True when `out` or `chunk` is something that the caller must see.
    Result<bool> take_frame(wire::Message& out, wire::Chunk& chunk);
    Status receive(wire::Message& out, wire::Chunk& chunk, Instant until, int stop_fd);

    const LinkOptions options;
    SpareBytes encrypted;
    SpareBytes received;
    Channel channel;
    ReceiveBuffer buffer;
    wire::Codec receive_codec;

    std::mutex send_lock;  // sender and, for pongs, receiver
    wire::Codec send_codec;
    std::string send_buffer;

    std::mutex pong_lock;
    std::optional<std::uint64_t> pending_pong;
};

Status BlockingLink::Impl::shake_hands(Role role, Instant until, Failure& failure) {
    while (true) {
        channel.allow_reads(reads_at_once);
        const IoStep step = channel.handshake(failure);
        if (step == IoStep::done) {
            break;
        }
        if (step == IoStep::failed || step == IoStep::closed) {
            return Err{failure.fault};
        }
        if (!wait_for(channel.fd(), events_of(step), until)) {
            failure = {Fault::deadline_exceeded, "no TLS handshake in time"};
            return Err{failure.fault};
        }
    }
    if (!channel.encrypted()) {
        return {};
    }
    // In TLS 1.3 a client learns only from what the server says next whether its certificate was taken.
    if (role == Role::server) {
        const Status greeted = send_message(wire::Message{wire::Ping{random_u64()}});
        if (!greeted.ok()) {
            failure = {greeted.fault(), "the peer broke the connection off after the TLS handshake"};
        }
        return greeted;
    }
    return hear_greeting(until, failure);
}

// Taken out of the buffer: what is in there afterwards is the peer's own word.
Status BlockingLink::Impl::hear_greeting(Instant until, Failure& failure) {
    while (true) {
        const Result<bool> greeted = take_greeting();
        if (!greeted.ok()) {
            failure = {greeted.fault(), "the peer's first word after the TLS handshake is no greeting"};
            return Err{failure.fault};
        }
        if (greeted.value()) {
            return {};
        }
        const IoStep step = receive_some(failure);
        if (step == IoStep::closed) {
            failure = {Fault::connection_lost, "the peer closed the connection after the TLS handshake"};
        }
        if (step == IoStep::failed || step == IoStep::closed) {
            return Err{failure.fault};
        }
        if (step != IoStep::done && !wait_for(channel.fd(), events_of(step), until)) {
            failure = {Fault::deadline_exceeded, "no word from the peer after the TLS handshake"};
            return Err{failure.fault};
        }
    }
}

Result<bool> BlockingLink::Impl::take_greeting() {
    const auto payload = BALLAST_TRY(buffer.next_frame());
    if (payload.empty()) {
        return false;
    }
    wire::Message greeting;
    wire::Chunk none;
    BALLAST_CHECK(receive_codec.decode(payload, greeting, none));
    const auto* ping = std::get_if<wire::Ping>(&greeting);
    if (ping == nullptr) {
        return Err{Fault::protocol_violation};
    }
    answer(ping->nonce);
    return true;
}

IoStep BlockingLink::Impl::receive_some(Failure& failure) {
    std::size_t got = 0;
    channel.allow_reads(reads_at_once);
    const IoStep step = channel.receive(buffer.space(), got, failure);
    buffer.received(got);
    return step;
}

bool BlockingLink::Impl::has_spoken() {
    if (buffer.holds_part()) {
        return true;
    }
    Failure ignored;
    const IoStep step = receive_some(ignored);
    return step == IoStep::done || step == IoStep::closed || step == IoStep::failed;
}

Status BlockingLink::Impl::send_all(std::span<const std::byte> data, bool more, Interruption interruption) {
    const bool listens = interruption == Interruption::ends_it;
    const short awaited = static_cast<short>(listens ? POLLOUT | POLLIN : POLLOUT);
    Instant until = mono_now() + options.silence_timeout;
    while (!data.empty()) {
        if (listens && has_spoken()) {
            return Err{Fault::cancelled};
        }
        Failure failure;
        std::size_t taken = 0;
        const IoStep step = channel.send(data, more, taken, failure);
        if (step == IoStep::failed) {
            return Err{failure.fault};
        }
        if (step == IoStep::done) {
            data = data.subspan(taken);
            until = mono_now() + options.silence_timeout;
        } else if (!wait_for(channel.fd(), awaited, until)) {
            return Err{Fault::deadline_exceeded};
        }
    }
    return {};
}

Status BlockingLink::Impl::send_frame(std::span<const std::byte> head, std::span<const std::byte> bulk,
                                      Interruption interruption) {
    BALLAST_CHECK(send_all(head, !bulk.empty(), interruption));
    return send_all(bulk, false, interruption);
}

Status BlockingLink::Impl::send_chunk(const wire::Chunk& chunk, Interruption interruption) {
    const std::lock_guard guard{send_lock};
    const wire::ChunkHead head = BALLAST_TRY(wire::encode_chunk_head(chunk, options.frame_bytes_max));
    BALLAST_CHECK(
        send_frame(std::as_bytes(std::span{head.bytes}.first(head.size)), chunk.data, interruption));
    return send_pending_pong();
}

Status BlockingLink::Impl::send_message(const wire::Message& message) {
    send_buffer.clear();
    BALLAST_CHECK(send_codec.encode(message, options.frame_bytes_max, send_buffer));
    return send_frame(std::as_bytes(std::span{send_buffer}), {}, Interruption::ignored);
}

Status BlockingLink::Impl::send_pending_pong() {
    std::optional<std::uint64_t> nonce;
    {
        const std::lock_guard guard{pong_lock};
        std::swap(nonce, pending_pong);
    }
    return nonce ? send_message(wire::Message{wire::Pong{*nonce}}) : Status{};
}

// The receiving thread must not wait for the sending one, which may be waiting for the peer: who cannot send
// the pong now leaves it to the sender. What that one is sending tells the peer as well that we live.
void BlockingLink::Impl::answer(std::uint64_t nonce) {
    {
        const std::lock_guard guard{pong_lock};
        pending_pong = nonce;
    }
    if (const std::unique_lock guard{send_lock, std::try_to_lock}; guard.owns_lock()) {
        // A broken connection shows in the next receive.
        static_cast<void>(send_pending_pong().ok());
    }
}

Result<bool> BlockingLink::Impl::take_frame(wire::Message& out, wire::Chunk& chunk) {
    while (true) {
        const auto payload = BALLAST_TRY(buffer.next_frame());
        if (payload.empty()) {
            return false;
        }
        BALLAST_CHECK(receive_codec.decode(payload, out, chunk));
        if (const auto* ping = std::get_if<wire::Ping>(&out)) {
            answer(ping->nonce);
        } else if (chunk.data.data() != nullptr || !(std::holds_alternative<std::monostate>(out) ||
                                                     std::holds_alternative<wire::Pong>(out))) {
            return true;
        }
    }
}

Status BlockingLink::Impl::receive(wire::Message& out, wire::Chunk& chunk, Instant until, int stop_fd) {
    while (true) {
        if (BALLAST_TRY(take_frame(out, chunk))) {
            return {};
        }
        if (readable(stop_fd)) {
            return Err{Fault::cancelled};
        }
        Failure failure;
        const IoStep step = receive_some(failure);
        if (step == IoStep::closed) {
            return Err{Fault::connection_lost};
        }
        if (step == IoStep::failed) {
            return Err{failure.fault};
        }
        if (step != IoStep::done && !wait_for(channel.fd(), events_of(step), until, stop_fd)) {
            return Err{Fault::deadline_exceeded};
        }
    }
}

BlockingLink::BlockingLink() = default;

BlockingLink::~BlockingLink() {
    if (impl_) {
        impl_->channel.shut_down();
    }
}

std::unique_ptr<BlockingLink> BlockingLink::connect(const std::string& address, std::uint16_t port,
                                                    LinkOptions options, Duration timeout, Fault& fault,
                                                    std::string& why) {
    const Instant until = mono_now() + timeout;
    fault = Fault::host_unreachable;
    const Addresses addresses = resolve(address, port, false, why);
    for (const addrinfo* each = addresses.get(); each != nullptr; each = each->ai_next) {
        UniqueFd fd = start_connect_to(*each);
        int error = fd ? 0 : errno;
        if (fd) {
            error = wait_for(fd.get(), POLLOUT, until) ? connect_error(fd.get()) : ETIMEDOUT;
        }
        if (error != 0) {
            why = "cannot connect to " + address + " port " + std::to_string(port) + ": " +
                  std::strerror(error);
            continue;
        }
        std::unique_ptr<BlockingLink> link{new BlockingLink};
        link->impl_ = std::make_unique<Impl>(fd.release(), Role::client, std::move(options));
        Failure failure;
        if (const Status shaken = link->impl_->shake_hands(Role::client, until, failure); !shaken.ok()) {
            fault = failure.fault;
            why = address + " port " + std::to_string(port) + ": " + failure.detail;
            return nullptr;
        }
        fault = Fault::none;
        return link;
    }
    return nullptr;
}

std::unique_ptr<BlockingLink> BlockingLink::accept(int socket_fd, LinkOptions options, Fault& fault,
                                                   std::string& why) {
    std::unique_ptr<BlockingLink> link{new BlockingLink};
    const Instant until = mono_now() + options.handshake_timeout;
    link->impl_ = std::make_unique<Impl>(socket_fd, Role::server, std::move(options));
    Failure failure;
    if (const Status shaken = link->impl_->shake_hands(Role::server, until, failure); !shaken.ok()) {
        fault = failure.fault;
        why = peer_text(socket_fd) + ": " + failure.detail;
        return nullptr;
    }
    fault = Fault::none;
    return link;
}

Status BlockingLink::send(const wire::Message& message) {
    const std::lock_guard guard{impl_->send_lock};
    BALLAST_CHECK(impl_->send_message(message));
    return impl_->send_pending_pong();
}

Status BlockingLink::send(const wire::Chunk& chunk) {
    return impl_->send_chunk(chunk, Impl::Interruption::ignored);
}

Status BlockingLink::send_unanswered(const wire::Chunk& chunk) {
    return impl_->send_chunk(chunk, Impl::Interruption::ends_it);
}

Status BlockingLink::receive(wire::Message& out, wire::Chunk& chunk, Duration timeout, int stop_fd) {
    return impl_->receive(out, chunk, mono_now() + timeout, stop_fd);
}

void BlockingLink::close_after_send() noexcept {
    impl_->channel.shut_down();
    const Instant until = mono_now() + impl_->options.handshake_timeout;
    IoStep step = IoStep::done;
    while ((step == IoStep::done && mono_now() < until) ||
           (step == IoStep::want_read && wait_for(impl_->channel.fd(), POLLIN, until))) {
        Failure ignored;
        step = impl_->receive_some(ignored);
        impl_->buffer.drop_all();
    }
}

int BlockingLink::fd() const noexcept {
    return impl_->channel.fd();
}
std::string_view BlockingLink::peer_name() const noexcept {
    return impl_->channel.peer_name();
}
std::uint64_t BlockingLink::bytes_sent() const noexcept {
    return impl_->channel.bytes_sent();
}
std::uint64_t BlockingLink::bytes_received() const noexcept {
    return impl_->channel.bytes_received();
}

}  // namespace ballast
