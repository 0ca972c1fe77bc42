// Bytes as a hostile VNC client, or a guest's broken VNC server, could send them: cut anywhere, the
// handshakes must come to the same end, and whoever looks for the user's hand must see the same.
#include <algorithm>
#include <cstdint>
#include <span>
#include <string_view>

#include "agent/relay/rfb_handshake.hpp"
#include "agent/relay/rfb_input.hpp"
#include "base/assert.hpp"

namespace {

using namespace ballast;
using namespace ballast::agent;

constexpr std::size_t queue_bytes = 4096;

// Feeds `words` in pieces, as a relay does: never more than the queue takes. Yields the last step and what is
// left over.
template <class Greeting>
int greet(Greeting& greeting, std::span<const std::byte> words, std::size_t piece,
          std::size_t& answer_bytes) {
    ByteQueue in{queue_bytes};
    int step = 0;
    answer_bytes = 0;
    while (!words.empty() && step == 0) {
        const std::size_t count = std::min({piece, words.size(), in.space().size()});
        if (count == 0) {
            break;  // the handshake wants nothing more of what is there
        }
        in.put(words.first(count));
        words = words.subspan(count);
        ByteQueue out{handshake_bytes_max};
        step = static_cast<int>(greeting.feed(in, out));
        answer_bytes += out.size();
    }
    return step;
}

void check_greetings(std::span<const std::byte> words) {
    int first_steps[2] = {};
    std::size_t first_bytes[2] = {};
    for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, queue_bytes}) {
        ClientGreeting client{VncChallenge{}};
        ServerGreeting server{"password"};
        std::size_t bytes[2] = {};
        const int steps[2] = {greet(client, words, piece, bytes[0]), greet(server, words, piece, bytes[1])};
        for (int side = 0; side < 2; ++side) {
            first_steps[side] = piece == 1 ? steps[side] : first_steps[side];
            first_bytes[side] = piece == 1 ? bytes[side] : first_bytes[side];
            BALLAST_ASSERT(steps[side] == first_steps[side] && bytes[side] == first_bytes[side]);
        }
    }
}

void check_input(std::span<const std::byte> words) {
    RfbInput whole;
    const bool seen = whole.saw_input(words);
    RfbInput in_pieces;
    bool seen_in_pieces = false;
    for (const std::byte& byte : words) {
        seen_in_pieces = in_pieces.saw_input({&byte, 1}) || seen_in_pieces;
    }
    BALLAST_ASSERT(seen == seen_in_pieces);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::span words{reinterpret_cast<const std::byte*>(data), size};
    check_greetings(words);
    check_input(words);
    return 0;
}
