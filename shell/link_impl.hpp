// The state of one Link, internal to link.cpp.
#pragma once

#include "shell/channel.hpp"
#include "shell/link.hpp"
#include "shell/receive_buffer.hpp"
#include "shell/send_buffer.hpp"

namespace ballast {

//   connecting -> handshaking -> confirming -> up -> finishing -> down       (any) -> doomed -> down
enum class LinkState : std::uint8_t {
    connecting,   // the socket is not writable yet
    handshaking,  // TLS under way
    confirming,   // TLS client: done on our side; the first frame shows that the server took our certificate
    up,
    finishing,  // close_after_send: sending the rest, then waiting for the peer to close
    doomed,     // failed or closed inside a call of the owner's: on_down comes from the loop
    down,
};

// Held by the Link and, during a callback, by the callback's caller: the owner may destroy the Link inside
// it.
class Link::Impl : public std::enable_shared_from_this<Link::Impl> {
  public:
    Impl(Loop& loop, int socket_fd, Role role, LinkOptions options, Events events)
        : options_{std::move(options)},
          events_{std::move(events)},
          role_{role},
          scratch_{options_.scratch ? options_.scratch : std::make_shared<LinkScratch>()},
          channel_{std::make_unique<Channel>(socket_fd, role, options_, scratch_->encrypted)},
          receive_buffer_{options_.frame_bytes_max, scratch_->received},
          loop_{loop},
          watch_{std::make_unique<FdWatch>(loop, socket_fd, Interest::write,
                                           [this](Interest ready) { on_ready(ready); })},
          handshake_timer_{loop, [this] { on_handshake_timeout(); }},
          ping_timer_{loop, [this] { on_ping_timer(); }},
          doom_timer_{loop, [this] { go_down(std::move(doom_)); }} {
        handshake_timer_.start_once(options_.handshake_timeout);
    }

    bool send(const wire::Message& message);
    bool hold(const wire::Message& message);
    void seal() noexcept { send_buffer_.seal(); }
    void release_sealed();
    void close();
    void close_after_send();
    // The owner is gone: no callback any more.
    void abandon() {
        state_ = LinkState::down;
        release();
    }
    bool up() const noexcept { return state_ == LinkState::up; }
    std::string_view peer_name() const noexcept { return peer_name_; }
    std::string_view peer_address() const noexcept { return peer_address_; }
    std::size_t bytes_waiting() const noexcept { return send_buffer_.waiting(); }
    std::uint64_t bytes_sent() const noexcept { return channel_ ? channel_->bytes_sent() : bytes_sent_; }
    std::uint64_t bytes_received() const noexcept {
        return channel_ ? channel_->bytes_received() : bytes_received_;
    }

  private:
    void on_ready(Interest ready);
    void on_handshake_timeout();
    void on_ping_timer();
    void continue_connect();
    void continue_handshake();
    void come_up();
    void read_some();
    bool take_frames();
    bool take_payload(std::span<const std::byte> payload);
    bool queue(const wire::Message& message, bool held);
    void flush();
    // All is sent, and the peer is to be told so.
    bool finishing_now() const noexcept {
        return state_ == LinkState::finishing && !said_all_ && send_buffer_.empty();
    }
    void peer_closed();
    void set_interest();
    bool open() const noexcept { return state_ != LinkState::down && state_ != LinkState::doomed; }
    void release();
    void doom(Failure failure);
    void go_down(Failure failure);

    const LinkOptions options_;
    const Events events_;
    const Role role_;
    LinkState state_ = LinkState::connecting;
    const std::shared_ptr<LinkScratch> scratch_;
    std::unique_ptr<Channel> channel_;  // null once down
    ReceiveBuffer receive_buffer_;
    SendBuffer send_buffer_;
    bool said_all_ = false;  // finishing: our direction is shut down
    bool receive_wants_write_ = false;
    Instant last_heard_;
    std::string peer_name_;
    std::string peer_address_;
    std::uint64_t bytes_sent_ = 0;
    std::uint64_t bytes_received_ = 0;
    Failure doom_;
    Loop& loop_;
    std::unique_ptr<FdWatch> watch_;
    Timer handshake_timer_;
    Timer ping_timer_;
    Timer doom_timer_;
};

}  // namespace ballast
