// The beginnings of RFB conversations (RFC 6143, 7.1 and 7.2), both halves: a relay is the server to a
// session's client, and a client to the guest's own VNC server. Pure: bytes in, bytes out. Versions 3.3, 3.7
// and 3.8, which is what all others are taken for, as the RFC asks.
#pragma once

#include <cstdint>
#include <string_view>

#include "agent/relay/byte_queue.hpp"
#include "shell/vnc_auth.hpp"

namespace ballast::agent {

// A handshake's parts are at most this long: a queue of this size never fills up in one.
inline constexpr std::size_t handshake_bytes_max = 2048;

enum class RfbVersion : std::uint8_t { v3_3 = 3, v3_7 = 7, v3_8 = 8 };

// Towards a client that must know a password. Feed it what arrives until it has an answer; then check the
// answer and say `admit` or `reject`; after `admit` the client's next byte is its ClientInit, which belongs
// to the guest's server.
class ClientGreeting {
  public:
    enum class Step : std::uint8_t {
        more,      // nothing to do before more bytes arrive
        answered,  // response() is there
        broken,    // not RFB, or it wants another kind of security
    };
    explicit ClientGreeting(const VncChallenge& challenge) : challenge_{challenge} {}

    // The first words.
    void begin(ByteQueue& out) noexcept;
    // Takes from `in` what belongs to the handshake.
    Step feed(ByteQueue& in, ByteQueue& out) noexcept;
    const VncChallenge& challenge() const noexcept { return challenge_; }
    const VncChallenge& response() const noexcept { return response_; }
    void admit(ByteQueue& out) const noexcept;
    // Clients of 3.8 are told the reason; close after it.
    void reject(std::string_view reason, ByteQueue& out) const noexcept;

  private:
    enum class Expecting : std::uint8_t { version, choice, response, nothing };
    void send_challenge(ByteQueue& out) noexcept;

    VncChallenge challenge_;
    VncChallenge response_{};
    RfbVersion version_ = RfbVersion::v3_8;
    Expecting expecting_ = Expecting::version;
};

// Towards the guest's server, which may want a password of its own.
class ServerGreeting {
  public:
    enum class Step : std::uint8_t {
        more,
        ready,   // the next byte to send is a ClientInit
        broken,  // see problem()
    };
    // `password` must outlive this. Empty: none is known.
    explicit ServerGreeting(std::string_view password) : password_{password} {}

    Step feed(ByteQueue& in, ByteQueue& out) noexcept;
    std::string_view problem() const noexcept { return problem_; }

  private:
    enum class Expecting : std::uint8_t { version, one_type, types, challenge, result, nothing };
    Step on_version(ByteQueue& in, ByteQueue& out) noexcept;
    Step on_one_type(ByteQueue& in) noexcept;
    Step on_types(ByteQueue& in, ByteQueue& out) noexcept;
    Step on_challenge(ByteQueue& in, ByteQueue& out) noexcept;
    Step on_result(ByteQueue& in) noexcept;
    Step take(std::uint8_t security_type) noexcept;
    Step give_up(std::string_view problem) noexcept;

    std::string_view password_;
    std::string_view problem_;
    RfbVersion version_ = RfbVersion::v3_8;
    Expecting expecting_ = Expecting::version;
};

}  // namespace ballast::agent
