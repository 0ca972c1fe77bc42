#include "image/stream.hpp"

#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

#include "base/assert.hpp"

namespace ballast::image {
namespace {

Err<Fault> lost(const char* action, std::string& why) {
    why = std::string{"the connection broke while "} + action + ": " +
          (errno == EAGAIN ? "the other side is silent"
           : errno != 0    ? std::strerror(errno)
                           : "the other side closed it");
    return Err{Fault::connection_lost};
}

// With a limit on the bandwidth, a message goes out in pieces of this size: the limit may change within one.
constexpr std::size_t paced_bytes = 64 * 1024;
constexpr std::int64_t catch_up_ns = 50'000'000;

std::int64_t now_ns() {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(
               std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

}  // namespace

SocketStream::SocketStream(UniqueFd socket, int silence_ms) : socket_{std::move(socket)} {
    const timeval timeout{.tv_sec = silence_ms / 1000, .tv_usec = silence_ms % 1000 * 1000};
    BALLAST_ASSERT(::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout) == 0);
}

Status SocketStream::send(std::span<const std::byte> bytes, std::string& why) {
    while (!bytes.empty()) {
        const ssize_t sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) {
            continue;
        }
        if (sent < 0) {
            return lost("sending", why);
        }
        bytes = bytes.subspan(static_cast<std::size_t>(sent));
    }
    return {};
}

Status SocketStream::receive(std::span<std::byte> into, std::string& why) {
    while (!into.empty()) {
        errno = 0;
        const ssize_t got = ::recv(socket_.get(), into.data(), into.size(), 0);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return lost("receiving", why);
        }
        into = into.subspan(static_cast<std::size_t>(got));
    }
    return {};
}

void SocketStream::shut_down() noexcept {
    ::shutdown(socket_.get(), SHUT_RDWR);
}

MessageStream::MessageStream(ByteStream& stream, TransferControl& control)
    : stream_{stream},
      control_{control},
      out_(frame_header_bytes + message_bytes_max),
      in_(message_bytes_max) {}

// Each byte takes its time on a link of the limit's speed. A break while the next message was made is caught
// up on, a longer one is not.
void MessageStream::pace(std::size_t bytes) {
    const std::uint32_t mbps = control_.bandwidth_mbps.load(std::memory_order_relaxed);
    if (mbps == 0) {
        free_at_ns_ = 0;
        return;
    }
    const std::int64_t now = now_ns();
    free_at_ns_ =
        std::max(free_at_ns_, now - catch_up_ns) + static_cast<std::int64_t>(bytes) * 8 * 1000 / mbps;
    std::this_thread::sleep_for(std::chrono::nanoseconds{free_at_ns_ - now});
}

Status MessageStream::send_composed(MessageType type, std::size_t body_bytes, std::string& why) {
    encode(FrameHead{.type = type, .body_bytes = static_cast<std::uint32_t>(body_bytes)},
           std::span{out_}.first<frame_header_bytes>());
    std::span<const std::byte> left = std::span{out_}.first(frame_header_bytes + body_bytes);
    while (!left.empty()) {
        const bool limited = control_.bandwidth_mbps.load(std::memory_order_relaxed) != 0;
        const std::size_t count = limited ? std::min(left.size(), paced_bytes) : left.size();
        BALLAST_CHECK(stream_.send(left.first(count), why));
        control_.sent_bytes.fetch_add(count, std::memory_order_relaxed);
        pace(count);
        left = left.subspan(count);
    }
    return {};
}

Status MessageStream::receive(MessageType& type, std::span<const std::byte>& body, std::string& why) {
    std::array<std::byte, frame_header_bytes> head{};
    BALLAST_CHECK(stream_.receive(head, why));
    const auto frame = decode_frame_head(head);
    if (!frame.ok()) {
        why = "the other side sent what is no message of an image's transfer";
        return Err{frame.fault()};
    }
    type = frame.value().type;
    const std::span<std::byte> into = std::span{in_}.first(frame.value().body_bytes);
    BALLAST_CHECK(stream_.receive(into, why));
    control_.received_bytes.fetch_add(head.size() + into.size(), std::memory_order_relaxed);
    body = into;
    return {};
}

void MessageStream::send_failure(Fault fault, const std::string& reason) {
    std::string ignored;
    const Failure failure{.fault = fault, .reason = Detail{reason}};
    static_cast<void>(send(
        MessageType::failure, [&](std::span<std::byte> out) { return encode(failure, out); }, ignored));
}

Err<Fault> peer_failure(std::span<const std::byte> body, std::string& why) {
    const auto failure = decode_failure(body);
    if (!failure.ok()) {
        why = "the other side gave up without a reason";
        return Err{Fault::peer_refused};
    }
    why = "the other side gave up: " + std::string{failure.value().reason.view()};
    return Err{failure.value().fault};
}

}  // namespace ballast::image
