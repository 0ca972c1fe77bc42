#include "image/receive_ahead.hpp"

#include <utility>

namespace ballast::image {

ReceiveAhead::ReceiveAhead(MessageStream& messages) : messages_{messages} {
    thread_ = std::thread{[this] { read_all(); }};
}

ReceiveAhead::~ReceiveAhead() {
    {
        const std::lock_guard lock{mutex_};
        stop_ = true;
        if (!ended_) {
            messages_.stream().shut_down();
        }
    }
    changed_.notify_all();
    thread_.join();
}

void ReceiveAhead::read_all() {
    for (bool last = false; !last;) {
        {
            std::unique_lock lock{mutex_};
            changed_.wait(lock, [this] { return stop_ || waiting_bytes_ < waiting_bytes_max; });
            if (stop_) {
                return;
            }
        }
        MessageType type{};
        std::span<const std::byte> body;
        std::string why;
        const Status status = messages_.receive(type, body, why);
        Message message{.type = type, .body = {body.begin(), body.end()}};
        last = !status.ok() || type == MessageType::finish || type == MessageType::failure;
        {
            const std::lock_guard lock{mutex_};
            if (status.ok()) {
                waiting_bytes_ += message.costs();
                waiting_.push_back(std::move(message));
            }
            ended_ = last;
            end_ = status;
            end_why_ = why;
        }
        changed_.notify_all();
    }
}

Status ReceiveAhead::next(MessageType& type, std::span<const std::byte>& body, std::string& why) {
    {
        std::unique_lock lock{mutex_};
        changed_.wait(lock, [this] { return !waiting_.empty() || ended_; });
        if (waiting_.empty()) {
            why = end_.ok() ? "the other side has said its last" : end_why_;
            return end_.ok() ? Status{Err{Fault::connection_lost}} : end_;
        }
        current_ = std::move(waiting_.front());
        waiting_.pop_front();
        waiting_bytes_ -= current_.costs();
    }
    changed_.notify_all();
    type = current_.type;
    body = current_.body;
    return {};
}

}  // namespace ballast::image
