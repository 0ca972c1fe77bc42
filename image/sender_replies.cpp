// What the destination says of the segments that were sent, and what follows from it.
#include <algorithm>

#include "image/sender.hpp"
#include "image/sender_work.hpp"

namespace ballast::image {
namespace {

// A destination that cannot even make what travelled whole has a disk or a memory that fails.
constexpr const char* unmakeable = "the destination cannot make a segment even from all of its bytes";

}  // namespace

Err<Fault> destination_violation(const char* what, std::string& why) {
    why = std::string{"the destination broke the protocol: "} + what;
    return Err{Fault::protocol_violation};
}

// Takes in what the destination has said; waits for one message if `wait`.
Status ImageSender::hear(bool wait, std::string& why) {
    Work& work = *work_;
    while (true) {
        Reply reply;
        bool got = false;
        BALLAST_CHECK(work.replies->next(wait, reply, got, why));
        if (!got) {
            return {};
        }
        wait = false;
        if (reply.type == MessageType::finished) {
            work.finished = true;
            return {};
        }
        if (reply.type == MessageType::confirmed) {
            BALLAST_CHECK(take_progress(reply.body, why));
        } else if (reply.type == MessageType::refused) {
            BALLAST_CHECK(take_refusal(reply.body, why));
        } else {
            return destination_violation("a message that only a source sends", why);
        }
    }
}

Status ImageSender::take_progress(std::span<const std::byte> body, std::string& why) {
    Work& work = *work_;
    const auto progress = decode_progress(body);
    if (!progress.ok() || progress.value().settled < work.settled || progress.value().settled > work.sent ||
        progress.value().answered > work.questions) {
        return destination_violation("it confirms what was not sent", why);
    }
    work.settled = progress.value().settled;
    work.answered = progress.value().answered;
    work.starved_ns = static_cast<std::int64_t>(progress.value().starved_ns);
    control_.done_bytes =
        std::min((work.settled + report_.skipped_segments) * segment_bytes, work.image_bytes);
    return {};
}

Status ImageSender::take_refusal(std::span<const std::byte> body, std::string& why) {
    Work& work = *work_;
    const auto refused = decode_range(body);
    if (!refused.ok() || refused.value().first >= work.resent.size() ||
        work.refused.size() == segments_under_way_max) {
        return destination_violation("it refuses what was not sent", why);
    }
    if (work.resent[static_cast<std::size_t>(refused.value().first)]) {
        why = unmakeable;
        return Err{Fault::image_corrupt};
    }
    work.refused.push_back(refused.value().first);
    return {};
}

Status ImageSender::resend_refused(std::string& why) {
    Work& work = *work_;
    while (!work.refused.empty()) {
        const std::uint64_t number = work.refused.back();
        work.refused.pop_back();
        work.resent[static_cast<std::size_t>(number)] = true;
        ++report_.resent_segments;
        BALLAST_CHECK(work.reader->read_again(number, work.again, why));
        BALLAST_CHECK(work.digests.put(number, work.again.digest, why));
        BALLAST_CHECK(send_segment(work.again, true, why));
    }
    return {};
}

// Until the destination has dealt with everything that was sent.
Status ImageSender::settle_all(std::string& why) {
    Work& work = *work_;
    while (work.settled < work.sent || !work.refused.empty()) {
        BALLAST_CHECK(resend_refused(why));
        ++work.questions;
        const SegmentRange question{};
        BALLAST_CHECK(work.messages.send(
            MessageType::zeros, [&](std::span<std::byte> out) { return encode(question, out); }, why));
        while (work.answered < work.questions) {
            BALLAST_CHECK(hear(true, why));
        }
    }
    return {};
}

}  // namespace ballast::image
