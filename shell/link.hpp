// A framed connection between two of our programs: TCP (optionally mutual TLS by GnuTLS), frames of
// proto/codec, bounded buffers. On the event loop; `BlockingLink` is the same for worker processes, which own
// their thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "proto/codec.hpp"
#include "shell/loop.hpp"
#include "shell/spare_bytes.hpp"

namespace ballast {

// Certificates of one program. Loaded once; shared by its connections.
class TlsCredentials {
  public:
    // PEM files. `nullptr` with a sentence in `why` when one cannot be read, does not fit its key, or is
    // expired.
    static std::shared_ptr<TlsCredentials> load(const std::string& ca_file,
                                                const std::string& certificate_file,
                                                const std::string& key_file, std::string& why);
    ~TlsCredentials();
    TlsCredentials(const TlsCredentials&) = delete;
    TlsCredentials& operator=(const TlsCredentials&) = delete;
    // Subject CN of our own certificate: the name under which peers know this program.
    std::string_view own_name() const noexcept;
    WallTime expires() const noexcept;
    void* raw() const noexcept;  // gnutls_certificate_credentials_t

  private:
    TlsCredentials();
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

enum class Role : std::uint8_t { client, server };

// What links of one loop may share, because only one of them works at a time: with the largest message in it,
// it is most of what a quiet link takes.
struct LinkScratch {
    wire::Codec codec;
    wire::Message message;  // the last one received
    SpareBytes received;
    SpareBytes encrypted;
};

struct LinkOptions {
    std::shared_ptr<TlsCredentials> tls;  // null: plain TCP (loopback and tests)
    // The certificate's subject CN must be this (client side: the controller's or the peer agent's name).
    // Empty: any certificate of our CA. Beside the name, the certificate must chain to our CA and be in its
    // validity time.
    std::string peer_name;
    std::size_t frame_bytes_max = limits::frame_bytes_max;
    std::size_t send_buffer_bytes_max =
        4 * limits::frame_bytes_max;  // beyond: the link is closed (slow reader)
    Duration handshake_timeout = seconds(10);
    Duration ping_every = seconds(5);  // nothing heard for silence_timeout: the link is dead
    Duration silence_timeout = seconds(15);
    std::shared_ptr<LinkScratch> scratch;  // null: one of its own
};

class Link {
  public:
    struct Events {
        std::function<void()> on_up;                           // TLS done, peer verified
        std::function<void(const wire::Message&)> on_message;  // ping and pong are handled inside
        // Exactly once, from the loop, never from inside a call of the owner's: the link is dead, also after
        // close(). Destroy it in or after it. Destroyed earlier, it calls nothing any more.
        std::function<void(Fault, std::string_view detail)> on_down;
    };
    // Takes ownership of a connected (or connecting, non-blocking) socket. May be destroyed in any of its
    // callbacks.
    Link(Loop& loop, int socket_fd, Role role, LinkOptions options, Events events);
    ~Link();
    Link(const Link&) = delete;
    Link& operator=(const Link&) = delete;

    // Queues the message; it goes out when the loop runs again. False when the link is not up or the send
    // buffer is full or the message cannot be encoded (the link then goes down, and on_down tells why).
    bool send(const wire::Message& message);
    // The same, but nothing of it leaves before it is released: for what may be told only once it is on disk.
    // What is sent after it waits behind it.
    bool hold(const wire::Message& message);
    // What is held by now is what the next release() lets go.
    void seal();
    void release();
    // Sends what the socket takes at once and says goodbye. on_down (Fault::none) follows from the loop,
    // unless the link is destroyed before.
    void close();
    // For a last message that must arrive: sends what is queued, tells the peer that nothing more comes,
    // ignores what it still says, and goes down (on_down with Fault::none) when it has closed too or after
    // `handshake_timeout`.
    void close_after_send();
    bool up() const noexcept;
    // Subject CN of the peer's certificate, never longer than limits::name_bytes_max; empty on plain TCP
    // only.
    std::string_view peer_name() const noexcept;
    // "address:port" of the peer.
    std::string_view peer_address() const noexcept;
    // What send() has taken and the socket has not: whoever sends what grows old waits until it is 0.
    std::size_t bytes_waiting() const noexcept;
    std::uint64_t bytes_sent() const noexcept;
    std::uint64_t bytes_received() const noexcept;

  private:
    class Impl;
    std::shared_ptr<Impl> impl_;
};

// Listens on a TCP address and hands accepted sockets over.
class Listener {
  public:
    // `port` 0: any free one (see port()). Fault with `why` filled when it cannot listen.
    static std::unique_ptr<Listener> open(Loop& loop, const std::string& address, std::uint16_t port,
                                          std::function<void(int socket_fd)> on_accept, std::string& why);
    ~Listener();
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;
    std::uint16_t port() const noexcept;

  private:
    Listener();
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

// Starts a non-blocking connect. -1 with `why` filled when not even that works (bad address). Numeric
// addresses and names (resolved blocking: use numeric ones where that matters).
int start_connect(const std::string& address, std::uint16_t port, std::string& why);

// The same connection for a worker process: blocking calls with time limits, and raw chunks.
class BlockingLink {
  public:
    // Connects and shakes hands. Null with fault and `why` filled otherwise.
    static std::unique_ptr<BlockingLink> connect(const std::string& address, std::uint16_t port,
                                                 LinkOptions options, Duration timeout, Fault& fault,
                                                 std::string& why);
    // Shakes hands as server on an accepted socket (takes ownership).
    static std::unique_ptr<BlockingLink> accept(int socket_fd, LinkOptions options, Fault& fault,
                                                std::string& why);
    ~BlockingLink();
    BlockingLink(const BlockingLink&) = delete;
    BlockingLink& operator=(const BlockingLink&) = delete;

    // Only these two may be called by two threads at once (one sends, one receives).
    Status send(const wire::Message& message);
    Status send(const wire::Chunk& chunk);
    // For a stream that the peer has no word to say to before its end. The same as send(), but `cancelled` as
    // soon as the peer does say something, also while it takes nothing: receive() gets it then. Nobody else
    // may be receiving.
    Status send_unanswered(const wire::Chunk& chunk);
    // Waits up to `timeout`: `deadline_exceeded`, `connection_lost`, `protocol_violation`. Pings are answered
    // inside. A chunk sets `chunk` (valid until the next call) and leaves `out` monostate. `cancelled` when
    // `stop_fd` has become readable.
    Status receive(wire::Message& out, wire::Chunk& chunk, Duration timeout, int stop_fd = -1);
    // After a last message that must arrive: tells the peer that nothing more comes and ignores what it still
    // says, until it has closed too or for `handshake_timeout`. Data left unread would reset the connection,
    // and what was sent with it.
    void close_after_send() noexcept;
    int fd() const noexcept;
    std::string_view peer_name() const noexcept;
    std::uint64_t bytes_sent() const noexcept;
    std::uint64_t bytes_received() const noexcept;

  private:
    BlockingLink();
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace ballast
