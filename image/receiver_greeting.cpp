// How a transfer begins: who speaks, where to, and what is there already.
#include "image/receiver.hpp"
#include "image/receiver_work.hpp"

namespace ballast::image {

Err<Fault> source_violation(const char* what, std::string& why) {
    why = std::string{"the source broke the protocol: "} + what;
    return Err{Fault::protocol_violation};
}

Status ImageReceiver::greet(std::string& why) {
    MessageType type{};
    std::span<const std::byte> body;
    BALLAST_CHECK(work_->messages.receive(type, body, why));
    if (type != MessageType::hello) {
        return source_violation("it did not begin with a greeting", why);
    }
    const auto hello = decode_hello(body);
    if (!hello.ok()) {
        why = hello.fault() == Fault::version_mismatch ? "the source speaks another version of the transfer"
                                                       : "the source's greeting makes no sense";
        return Err{hello.fault()};
    }
    work_->hello = hello.value();
    work_->digester.emplace(work_->hello.key);
    control_.image_bytes = work_->hello.image_bytes;
    BALLAST_CHECK(work_->target.open(options_.target, work_->hello.image_bytes, work_->hello.data_bytes,
                                     options_.reserve_bytes, why));
    BALLAST_CHECK(
        work_->journal.open(options_.journal, work_->hello.transfer, work_->hello.image_bytes, why));
    work_->written.assign(work_->journal.segments(), false);
    const bool all_at_the_end = options_.reread == Reread::all && !options_.last_round;
    if (work_->target.past_cache() && options_.reread != Reread::nothing && !all_at_the_end) {
        work_->read_back_ahead.emplace(work_->target, work_->hello.image_bytes);
    }
    work_->open_locals(options_.locals, report_.locals_left_out);
    return work_->messages.send(
        MessageType::welcome, [&](std::span<std::byte> out) { return encode(work_->welcome, out); }, why);
}

// What an earlier attempt has written is read back: the disk may have lost it, and what counts is what is
// there. The source compares the digests with those of its image as it is now.
Status ImageReceiver::offer_resume(std::string& why) {
    std::vector<std::byte> digests;
    const auto send = [&](std::uint64_t first) {
        const Verified message{.first = first, .digests = digests};
        return work_->messages.send(
            MessageType::verified, [&](std::span<std::byte> out) { return encode(message, out); }, why);
    };
    std::uint64_t first = 0;
    Extent hole;
    for (std::uint64_t i = 0; work_->journal.resumed() && i < work_->journal.segments(); ++i) {
        Digest claimed{};
        Digest actual{};
        bool known = false;
        BALLAST_CHECK(work_->journal.get(i, claimed, known, why));
        actual = claimed;
        if (known && !options_.trust_journal) {
            BALLAST_CHECK(work_->read_back(i, hole, actual, why));
            known = claimed == actual;
        }
        if (known) {
            first = digests.empty() ? i : first;
            digests.insert(digests.end(), actual.begin(), actual.end());
            ++report_.resumed_segments;
        }
        const bool full = digests.size() == verified_digests_max * sizeof(Digest);
        if (!digests.empty() && (!known || full)) {
            BALLAST_CHECK(send(first));
            digests.clear();
        }
    }
    if (!digests.empty()) {
        BALLAST_CHECK(send(first));
        digests.clear();
    }
    if (work_->journal.resumed()) {
        work_->target.not_fresh();
    }
    return send(0);
}

}  // namespace ballast::image
