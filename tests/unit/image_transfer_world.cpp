#include "image_transfer_world.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <thread>

#include "image/index_build.hpp"

namespace ballast::image::testing_files {

Status HarmfulStream::send(std::span<const std::byte> bytes, std::string& why) {
    return inner_.send(bytes, why);
}

Status HarmfulStream::receive(std::span<std::byte> into, std::string& why) {
    if (received_ + into.size() > cut_after) {
        inner_.shut_down();
        why = "cut";
        return Err{Fault::connection_lost};
    }
    BALLAST_CHECK(inner_.receive(into, why));
    if (harm) {
        harm(received_, into);
    }
    received_ += into.size();
    return {};
}

TransferWorld::TransferWorld() {
    send.image = source;
    send.index = source + ".index";
    send.work_prefix = folder.path("work-");
    send.transfer.fill(std::byte{7});
    send.key.fill(std::byte{9});
    send.sort_bytes = 1024 * 1024;
    receive.target = target;
    receive.journal = target + ".journal";
}

void TransferWorld::index(const std::string& image, bool two_levels) {
    IndexResult result;
    std::string why;
    ASSERT_TRUE(build_index(image, image + ".index", {.two_levels = two_levels}, result, why).ok()) << why;
}

void TransferWorld::add_local(const std::string& image) {
    receive.locals.push_back({.path = image, .index = image + ".index"});
}

Outcome TransferWorld::transfer() {
    int fds[2] = {-1, -1};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    HarmfulStream at_source{UniqueFd{fds[0]}, silence_ms};
    HarmfulStream at_destination{UniqueFd{fds[1]}, silence_ms};
    if (prepare) {
        prepare(at_source, at_destination);
    }
    Outcome outcome;
    const std::uint64_t to_destination = receiver_control.received_bytes;
    const std::uint64_t to_source = sender_control.received_bytes;
    std::thread destination{[&] {
        ImageReceiver receiver{receive, receiver_control};
        outcome.receiver = receiver.run(at_destination, outcome.receiver_why);
        outcome.received = receiver.report();
        at_destination.shut_down();
    }};
    ImageSender sender{send, sender_control};
    outcome.sender = sender.run(at_source, outcome.sender_why);
    outcome.sent = sender.report();
    at_source.shut_down();
    destination.join();
    outcome.to_destination = receiver_control.received_bytes - to_destination;
    outcome.to_source = sender_control.received_bytes - to_source;
    return outcome;
}

bool TransferWorld::target_is_source() const {
    return content_of(source) == content_of(target);
}

void Speech::say_body(MessageType type, std::span<const std::byte> body) {
    std::array<std::byte, frame_header_bytes> head{};
    encode(FrameHead{.type = type, .body_bytes = static_cast<std::uint32_t>(body.size())}, head);
    bytes_.insert(bytes_.end(), head.begin(), head.end());
    bytes_.insert(bytes_.end(), body.begin(), body.end());
}

Status TransferWorld::receiver_hears(const Speech& speech, std::string& why) const {
    int fds[2] = {-1, -1};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    SocketStream at_source{UniqueFd{fds[0]}};
    SocketStream at_destination{UniqueFd{fds[1]}};
    Status status;
    std::thread destination{[&] {
        TransferControl control;
        ImageReceiver receiver{receive, control};
        status = receiver.run(at_destination, why);
        at_destination.shut_down();
    }};
    std::string ignored;
    static_cast<void>(at_source.send(speech.bytes(), ignored));
    static_cast<void>(::shutdown(fds[0], SHUT_WR));
    destination.join();
    return status;
}

Status TransferWorld::sender_hears(const Speech& speech, std::string& why) const {
    int fds[2] = {-1, -1};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    SocketStream at_source{UniqueFd{fds[0]}};
    SocketStream at_destination{UniqueFd{fds[1]}};
    Status status;
    std::thread sending{[&] {
        TransferControl control;
        ImageSender sender{send, control};
        status = sender.run(at_source, why);
        at_source.shut_down();
    }};
    std::string ignored;
    static_cast<void>(at_destination.send(speech.bytes(), ignored));
    if (speech.bytes().empty()) {
        at_destination.shut_down();
    }
    std::array<std::byte, 1> taken_in{};
    while (at_destination.receive(taken_in, ignored).ok()) {
    }
    sending.join();
    return status;
}

}  // namespace ballast::image::testing_files
