// What the destination says while the source is busy sending: read by a thread of its own, so that neither
// side ever waits for the other to read.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "image/stream.hpp"

namespace ballast::image {

struct Reply {
    MessageType type = MessageType::failure;
    std::vector<std::byte> body;
};

class ReplyReader {
  public:
    // Replies that may wait unread. The source asks for less at a time; a peer that says more than it was
    // asked breaks the protocol.
    static constexpr std::size_t waiting_max = 512;

    explicit ReplyReader(MessageStream& messages);
    // Shuts the stream down and joins the thread.
    ~ReplyReader();
    ReplyReader(const ReplyReader&) = delete;
    ReplyReader& operator=(const ReplyReader&) = delete;

    // The next reply; waits for it if `wait`. False when there is none (yet). Faults of the stream, of the
    // peer that gave up, or `protocol_violation`.
    Status next(bool wait, Reply& reply, bool& got, std::string& why);
    bool peer_gave_up() const noexcept { return peer_gave_up_; }

  private:
    void read_all();

    MessageStream& messages_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<Reply> waiting_;
    Status end_;
    bool ended_ = false;
    std::string end_why_;
    bool peer_gave_up_ = false;
    std::thread thread_;  // last: it uses the others
};

}  // namespace ballast::image
