#include "image/replies.hpp"

namespace ballast::image {

ReplyReader::ReplyReader(MessageStream& messages) : messages_{messages}, thread_{[this] { read_all(); }} {}

ReplyReader::~ReplyReader() {
    messages_.stream().shut_down();
    thread_.join();
}

void ReplyReader::read_all() {
    while (true) {
        MessageType type{};
        std::span<const std::byte> body;
        std::string why;
        const Status status = messages_.receive(type, body, why);
        const std::lock_guard lock{mutex_};
        if (!status.ok()) {
            end_ = status;
            end_why_ = why;
        } else if (waiting_.size() == waiting_max) {
            end_ = Err{Fault::protocol_violation};
            end_why_ = "the destination says more than it was asked";
        } else {
            waiting_.push_back({.type = type, .body = {body.begin(), body.end()}});
        }
        ended_ = !end_.ok();
        changed_.notify_one();
        if (ended_ || type == MessageType::finished || type == MessageType::failure) {
            return;
        }
    }
}

Status ReplyReader::next(bool wait, Reply& reply, bool& got, std::string& why) {
    std::unique_lock lock{mutex_};
    if (wait) {
        changed_.wait(lock, [this] { return ended_ || !waiting_.empty(); });
    }
    got = !waiting_.empty();
    if (got) {
        reply = std::move(waiting_.front());
        waiting_.pop_front();
        if (reply.type == MessageType::failure) {
            peer_gave_up_ = true;
            return peer_failure(reply.body, why);
        }
        return {};
    }
    if (ended_) {
        why = end_why_;
        return end_;
    }
    return {};
}

}  // namespace ballast::image
