// Takes messages in while those before are dealt with, in a thread of its own: what is hard to compress and
// what is hard to write do not lie at the same places of an image, and the source goes on through the one
// while the destination is busy with the other.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "image/stream.hpp"

namespace ballast::image {

class ReceiveAhead {
  public:
    // Begins at once; ends by itself with the message that is a source's last, or with the connection.
    explicit ReceiveAhead(MessageStream& messages);
    // Shuts the stream down, unless it has ended by itself.
    ~ReceiveAhead();
    ReceiveAhead(const ReceiveAhead&) = delete;
    ReceiveAhead& operator=(const ReceiveAhead&) = delete;

    // As MessageStream::receive; `body` is valid until the next call.
    Status next(MessageType& type, std::span<const std::byte>& body, std::string& why);

  private:
    // What may wait: as much as segments under way come to when a third of the image travels. Each message
    // counts for so much more than its body: there may be none.
    static constexpr std::size_t waiting_bytes_max = 8 * 1024 * 1024;
    static constexpr std::size_t message_costs_bytes = 256;
    struct Message {
        MessageType type = MessageType::failure;
        std::vector<std::byte> body;
        std::size_t costs() const noexcept { return body.size() + message_costs_bytes; }
    };
    void read_all();

    MessageStream& messages_;
    Message current_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<Message> waiting_;
    std::size_t waiting_bytes_ = 0;
    bool stop_ = false;
    bool ended_ = false;
    Status end_;
    std::string end_why_;
    std::thread thread_;  // last: it uses the others
};

}  // namespace ballast::image
