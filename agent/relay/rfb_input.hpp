// Watches what a client says to a VNC server, without changing it: tells whether its user did something.
// Pure. Knows the messages of RFC 6143 and the extensions that common clients use (noVNC, TigerVNC, QEMU's
// own); after a kind that it does not know it cannot find the next message's beginning any more, and takes
// every byte for a sign of life: better a session too long than one cut off under its user's hands.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace ballast::agent {

class RfbInput {
  public:
    // The next bytes from the client, beginning with its ClientInit. True when a key, the pointer or the
    // clipboard was among them.
    bool saw_input(std::span<const std::byte> bytes) noexcept;

    // The longest head that says how long its message is.
    static constexpr std::size_t head_bytes_max = 10;

  private:
    bool take(std::span<const std::byte>& bytes) noexcept;

    std::byte head_[head_bytes_max]{};
    std::size_t head_size_ = 0;
    std::uint64_t skip_ = 1;  // of the message under way; at first the ClientInit
    bool lost_ = false;
};

}  // namespace ballast::agent
