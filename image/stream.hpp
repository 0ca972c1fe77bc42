// The two-way connection that a transfer runs on, and messages on it.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "image/core/transfer_messages.hpp"
#include "shell/unique_fd.hpp"

namespace ballast::image {

// Bytes both ways, in order. One thread may send while another receives.
class ByteStream {
  public:
    virtual ~ByteStream() = default;
    // All of it, or `connection_lost` (or what the stream says else).
    virtual Status send(std::span<const std::byte> bytes, std::string& why) = 0;
    // Fills `into`, or `connection_lost`.
    virtual Status receive(std::span<std::byte> into, std::string& why) = 0;
    // Ends both directions; calls that wait in other threads return.
    virtual void shut_down() noexcept = 0;
};

// Over a connected socket (a socket pair, or one that a relay of the agent holds the other end of).
class SocketStream final : public ByteStream {
  public:
    // With `silence_ms`, a receive() to which nothing at all comes for so long is a lost connection.
    explicit SocketStream(UniqueFd socket, int silence_ms = 0);
    Status send(std::span<const std::byte> bytes, std::string& why) override;
    Status receive(std::span<std::byte> into, std::string& why) override;
    void shut_down() noexcept override;

  private:
    UniqueFd socket_;
};

// What others may look at, and change, while a transfer runs.
struct TransferControl {
    std::atomic<std::uint32_t> bandwidth_mbps{0};  // 0: no limit
    std::atomic<bool> cancelled{false};
    // Progress.
    std::atomic<std::uint64_t> image_bytes{0};
    std::atomic<std::uint64_t> done_bytes{0};  // of the image: verified at the destination
    std::atomic<std::uint64_t> sent_bytes{0};  // on the stream, both ways, as this side counts
    std::atomic<std::uint64_t> received_bytes{0};
};

// Messages on a stream. Buffers are taken once.
class MessageStream {
  public:
    MessageStream(ByteStream& stream, TransferControl& control);

    // Composes the body in place: send(type, [&](span out) { return encode(message, out); }).
    template <class Compose>
    Status send(MessageType type, Compose compose, std::string& why) {
        const std::size_t bytes = compose(std::span{out_}.subspan(frame_header_bytes));
        return send_composed(type, bytes, why);
    }
    // `body` is valid until the next receive. `connection_lost`, `protocol_violation`.
    Status receive(MessageType& type, std::span<const std::byte>& body, std::string& why);
    // Tells the peer why we give up; that it may not arrive is no further failure.
    void send_failure(Fault fault, const std::string& reason);

    ByteStream& stream() noexcept { return stream_; }

  private:
    Status send_composed(MessageType type, std::size_t body_bytes, std::string& why);
    void pace(std::size_t bytes);

    ByteStream& stream_;
    TransferControl& control_;
    std::vector<std::byte> out_;
    std::vector<std::byte> in_;
    std::int64_t free_at_ns_ = 0;  // when the limit allows the next byte
};

// The fault and sentence that a peer's failure message stands for.
Err<Fault> peer_failure(std::span<const std::byte> body, std::string& why);

}  // namespace ballast::image
