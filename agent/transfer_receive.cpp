#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <thread>

#include "agent/image_digest.hpp"
#include "agent/transfer.hpp"
#include "shell/unique_fd.hpp"

namespace ballast::agent {

struct ImageReceiver::Impl {
    Impl(BlockingLink& data_link, Duration silence, OnImage image)
        : link{data_link}, timeout{silence}, on_image{std::move(image)} {}

    void relay();
    // Faults, or nothing: the end mark has come.
    Status relay_until_end();
    bool write_all(std::span<const std::byte> data) noexcept;
    // An older source gives no digest.
    bool is_whole(const wire::MigrationEnd& end, const ImageDigest& digest) const noexcept {
        return end.plain_bytes == image_bytes.load() &&
               (end.plain_digest == 0 || end.plain_digest == digest.value());
    }

    BlockingLink& link;
    Duration timeout;
    OnImage on_image;
    UniqueFd near_end;
    UniqueFd far_end;
    UniqueFd abandoned;  // readable: it is
    std::atomic<std::uint64_t> image_bytes{0};
    // Of the thread, until it is joined.
    Fault fault = Fault::none;
    Detail detail;
    std::thread thread;
};

bool ImageReceiver::Impl::write_all(std::span<const std::byte> data) noexcept {
    while (!data.empty()) {
        const ssize_t written = ::send(near_end.get(), data.data(), data.size(), MSG_NOSIGNAL);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            return false;
        }
        data = data.subspan(static_cast<std::size_t>(written));
    }
    return true;
}

Status ImageReceiver::Impl::relay_until_end() {
    Decompressor decompressor;
    ImageDigest digest;
    wire::Message message;
    bool taken = true;  // by the hypervisor call; what it does not want any more is received all the same
    for (;;) {
        wire::Chunk chunk;
        message = std::monostate{};
        BALLAST_CHECK(link.receive(message, chunk, timeout, abandoned.get()));
        if (const auto* end = std::get_if<wire::MigrationEnd>(&message)) {
            return is_whole(*end, digest) ? Status{} : Status{Err{Fault::image_corrupt}};
        }
        if (const auto* aborted = std::get_if<wire::MigrationAborted>(&message)) {
            detail = aborted->detail;
            return Err{reason_of(*aborted)};
        }
        if (const auto* image = std::get_if<wire::MigrationImage>(&message); image != nullptr && on_image) {
            BALLAST_CHECK(on_image(*image, detail));
            continue;
        }
        if (!std::holds_alternative<std::monostate>(message)) {
            return Err{Fault::protocol_violation};
        }
        if (chunk.data.empty()) {
            continue;  // a message of a newer version
        }
        std::span<const std::byte> plain;
        BALLAST_CHECK(decompressor.decompress(chunk.compression, chunk.data, chunk.plain_bytes, plain));
        digest.add(plain);
        image_bytes += plain.size();
        taken = taken && write_all(plain);
    }
}

void ImageReceiver::Impl::relay() {
    const Status status = relay_until_end();
    fault = status.fault();
    ::shutdown(near_end.get(), SHUT_WR);  // the call sees the end of the stream, complete or not
}

ImageReceiver::ImageReceiver(BlockingLink& link, Duration timeout, OnImage on_image)
    : impl_{std::make_unique<Impl>(link, timeout, std::move(on_image))} {
    int ends[2] = {-1, -1};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
        return;
    }
    impl_->near_end.reset(ends[0]);
    impl_->abandoned.reset(::eventfd(0, EFD_CLOEXEC));
    if (!impl_->abandoned) {
        ::close(ends[1]);
        return;
    }
    impl_->far_end.reset(ends[1]);
    impl_->thread = std::thread{[this] { impl_->relay(); }};
}

ImageReceiver::~ImageReceiver() {
    Detail detail;
    (void)finish(true, detail);
}

int ImageReceiver::image_fd() const noexcept {
    return impl_->far_end.get();
}

Status ImageReceiver::finish(bool abandon, Detail& detail) {
    impl_->far_end.reset();
    if (impl_->thread.joinable()) {
        if (abandon) {
            (void)::eventfd_write(impl_->abandoned.get(), 1);
        }
        impl_->thread.join();
    }
    detail = impl_->detail;
    return impl_->fault == Fault::none ? Status{} : Status{Err{impl_->fault}};
}

std::uint64_t ImageReceiver::image_bytes() const noexcept {
    return impl_->image_bytes.load();
}

}  // namespace ballast::agent
