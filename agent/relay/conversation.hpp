// One client of a relay: it proves that it knows the session's password, then its bytes go to the guest's own
// VNC server on this host, and back. On the event loop; all its memory is taken when it begins.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "agent/relay/rfb_handshake.hpp"
#include "agent/relay/rfb_input.hpp"
#include "proto/messages.hpp"
#include "shell/loop.hpp"
#include "shell/unique_fd.hpp"

namespace ballast::agent {

// Where a guest's VNC server listens, and the password that it wants (empty: none).
struct GuestConsole {
    FixedString<63> address;
    std::uint16_t port = 0;
    FixedString<15> password;
};

// From the connection until the guest's server is reached.
inline constexpr Duration conversation_begin_timeout = seconds(10);
// A wrong password is answered so much later: guessing gets nowhere.
inline constexpr Duration wrong_password_pause = seconds(1);
// What is on its way: screens towards the client, keys and clipboards towards the guest.
inline constexpr std::size_t to_client_queue_bytes = 64 * 1024;
inline constexpr std::size_t from_client_queue_bytes = 16 * 1024;

class Conversation {
  public:
    struct Events {
        // Asked when the client has given the password. A fault, with a sentence, when there is no way.
        std::function<Fault(GuestConsole& out, Detail& why)> find_console;
        std::function<void()> on_admitted;  // from here on, bytes flow
        std::function<void()> on_input;     // the user did something
        // Once, from the loop: destroy it in here. `why` is empty when the client simply left.
        std::function<void(std::string_view why)> on_end;
    };
    // Takes ownership of the accepted socket.
    Conversation(Loop& loop, int client_fd, const wire::VncPassword& password, Events events);
    ~Conversation();
    Conversation(const Conversation&) = delete;
    Conversation& operator=(const Conversation&) = delete;

    bool admitted() const noexcept { return phase_ == Phase::relaying; }
    const std::string& peer() const noexcept { return peer_; }  // "address:port"
    std::uint64_t to_client_bytes() const noexcept { return to_client_bytes_; }
    std::uint64_t from_client_bytes() const noexcept { return from_client_bytes_; }

  private:
    enum class Phase : std::uint8_t { greeting, punished, refused, dialing, guest_greeting, relaying };
    struct Side {
        explicit Side(std::size_t queue_bytes) : in{queue_bytes}, out{handshake_bytes_max} {}
        UniqueFd fd;
        std::unique_ptr<FdWatch> watch;
        ByteQueue in;   // received here, wanted on the other side
        ByteQueue out;  // of our own handshake, sent here before anything else
    };

    void step();
    // False: it is over, see why_.
    bool exchange();
    bool receive(Side& side);
    bool send(Side& side, ByteQueue& relayed, std::uint64_t& count);
    bool flush(int fd, ByteQueue& queue, std::uint64_t& count);
    bool greet_client();
    bool finish_dialing();
    bool greet_guest();
    void on_answer();
    void dial();
    void refuse(std::string_view why);
    void begin_relaying();
    void on_timer();
    void watch_what_matters();
    bool over(std::string_view why);

    Loop& loop_;
    wire::VncPassword password_;
    Events events_;
    Phase phase_ = Phase::greeting;
    Side client_{from_client_queue_bytes};
    Side guest_{to_client_queue_bytes};
    GuestConsole console_;
    ClientGreeting client_greeting_{new_vnc_challenge()};
    std::unique_ptr<ServerGreeting> guest_greeting_;
    RfbInput input_;
    Timer timer_;
    std::string peer_;
    std::string why_;
    std::uint64_t to_client_bytes_ = 0;
    std::uint64_t from_client_bytes_ = 0;
};

}  // namespace ballast::agent
