#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "agent/image_digest.hpp"
#include "agent/transfer.hpp"
#include "shell/loop.hpp"
#include "shell/unique_fd.hpp"

namespace ballast::agent {
namespace {

// What waits here and in the kernel when the guest is suspended makes it stand still longer: enough to keep
// both threads busy, and no more.
constexpr std::size_t queue_chunks = 3;
constexpr int unsent_bytes_max = 128 * 1024;
// The link's speed is taken over at least this long.
constexpr std::int64_t window_ns = 100'000'000;
// With less than this waiting in the kernel the link was idle for some of the time.
constexpr int busy_bytes_min = 64 * 1024;
// A chunk waits for so long to be filled: the guest stands still while the stream's end, which fills none,
// waits.
constexpr int fill_wait_ms = 5;

std::int64_t monotonic_ns() noexcept {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

struct Packed {
    std::vector<std::byte> data;  // room for a chunk, reused
    std::size_t size = 0;
    wire::Compression compression = wire::Compression::none;
    std::uint32_t plain_bytes = 0;
};

// How much the kernel takes that it cannot send yet; 0: as much as the system's settings say.
void limit_unsent(const BlockingLink& link, int bytes) noexcept {
    ::setsockopt(link.fd(), IPPROTO_TCP, TCP_NOTSENT_LOWAT, &bytes, sizeof bytes);
}

}  // namespace

struct ImageSender::Impl {
    Impl(BlockingLink& data_link, CompressionSetting setting, bool hold)
        : link{data_link}, hold_end{hold}, chooser{setting} {}

    // Fills `buffer` as far as the stream goes, or has gone when it pauses. 0: its end.
    std::size_t read_chunk(std::span<std::byte> buffer) const noexcept;
    void pack_all();
    void send_all();
    Status send_slot(const Packed& slot);
    void measure(std::uint64_t sent_bytes);
    void stop_with(Fault fault);

    BlockingLink& link;
    const bool hold_end;
    UniqueFd near_end;  // of the relay
    UniqueFd far_end;   // of the hypervisor call

    mutable std::mutex mutex;  // guards all that follows, up to the threads
    std::condition_variable changed;
    std::array<Packed, queue_chunks> queue;
    std::size_t first = 0;
    std::size_t count = 0;
    bool at_end = false;
    Fault fault = Fault::none;
    CompressionChooser chooser;
    std::uint64_t image_bytes = 0;
    ImageDigest digest;  // of the packing thread, until it is joined

    // Of the sending thread only.
    std::int64_t window_began_ns = 0;
    std::uint64_t window_delivered = 0;
    bool window_busy = true;

    std::thread packer;
    std::thread sender;
};

std::size_t ImageSender::Impl::read_chunk(std::span<std::byte> buffer) const noexcept {
    std::size_t filled = 0;
    while (filled < buffer.size()) {
        const ssize_t got = ::recv(near_end.get(), buffer.data() + filled, buffer.size() - filled,
                                   filled > 0 ? MSG_DONTWAIT : 0);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        pollfd more{.fd = near_end.get(), .events = POLLIN, .revents = 0};
        if (got < 0 && errno == EAGAIN && ::poll(&more, 1, fill_wait_ms) > 0) {
            continue;
        }
        if (got <= 0) {
            break;
        }
        filled += static_cast<std::size_t>(got);
    }
    return filled;
}

void ImageSender::Impl::stop_with(Fault why) {
    const std::lock_guard lock{mutex};
    fault = fault == Fault::none ? why : fault;
    changed.notify_all();
}

void ImageSender::Impl::pack_all() {
    std::vector<std::byte> plain(chunk_plain_bytes_max);
    Compressor compressor;
    for (;;) {
        const std::size_t size = read_chunk(plain);
        digest.add({plain.data(), size});
        Method method;
        Packed* slot = nullptr;  // behind the last queued one: nobody else's until it is counted
        {
            std::unique_lock lock{mutex};
            changed.wait(lock, [this] { return count < queue_chunks || fault != Fault::none; });
            if (size == 0 || fault != Fault::none) {
                break;
            }
            image_bytes += size;
            method = chooser.next();
            // Unlocked, the sender could move on between the two: the slot would be one that still waits.
            slot = &queue[(first + count) % queue_chunks];
        }
        const std::int64_t began_ns = monotonic_ns();
        const std::span<const std::byte> packed =
            compressor.compress(method, {plain.data(), size}, slot->compression);
        const std::int64_t took_ns = monotonic_ns() - began_ns;
        slot->data.assign(packed.begin(), packed.end());
        slot->plain_bytes = static_cast<std::uint32_t>(size);
        const std::lock_guard lock{mutex};
        chooser.compressed(method, size, packed.size(), took_ns);
        ++count;
        changed.notify_all();
    }
    // From here on whoever writes the image gets an error (or has written it all).
    ::shutdown(near_end.get(), SHUT_RD);
    const std::lock_guard lock{mutex};
    at_end = true;
    changed.notify_all();
}

void ImageSender::Impl::send_all() {
    window_began_ns = monotonic_ns();
    for (;;) {
        Packed* slot = nullptr;
        {
            std::unique_lock lock{mutex};
            const std::size_t kept = hold_end ? 1 : 0;
            if (count <= kept) {
                window_busy = false;
            }
            changed.wait(lock, [this, kept] { return count > kept || at_end || fault != Fault::none; });
            if (fault != Fault::none || count <= kept) {
                return;
            }
            slot = &queue[first];
        }
        const Status status = send_slot(*slot);
        if (!status.ok()) {
            stop_with(status.fault());
            ::shutdown(near_end.get(), SHUT_RD);  // wakes the packer, and ends the call
            return;
        }
        {
            const std::lock_guard lock{mutex};
            first = (first + 1) % queue_chunks;
            --count;
            changed.notify_all();
        }
        measure(link.bytes_sent());
    }
}

Status ImageSender::Impl::send_slot(const Packed& slot) {
    return link.send_unanswered(
        wire::Chunk{.data = slot.data, .compression = slot.compression, .plain_bytes = slot.plain_bytes});
}

// What the peer's kernel has taken is what was sent, less what still waits in ours.
void ImageSender::Impl::measure(std::uint64_t sent_bytes) {
    int waiting = 0;
    if (::ioctl(link.fd(), SIOCOUTQ, &waiting) != 0) {
        return;
    }
    window_busy = window_busy && waiting >= busy_bytes_min;
    const std::int64_t took_ns = monotonic_ns() - window_began_ns;
    if (took_ns < window_ns) {
        return;
    }
    const auto left = static_cast<std::uint64_t>(waiting);
    const std::uint64_t delivered = sent_bytes > left ? sent_bytes - left : 0;
    if (delivered > window_delivered) {
        const std::lock_guard lock{mutex};
        chooser.delivered(delivered - window_delivered, took_ns, window_busy);
    }
    window_delivered = delivered;
    window_began_ns += took_ns;
    window_busy = true;
}

ImageSender::ImageSender(BlockingLink& link, CompressionSetting setting, bool hold_end)
    : impl_{std::make_unique<Impl>(link, setting, hold_end)} {
    int ends[2] = {-1, -1};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
        return;
    }
    impl_->near_end.reset(ends[0]);
    impl_->far_end.reset(ends[1]);
    impl_->window_delivered = link.bytes_sent();
    limit_unsent(link, unsent_bytes_max);
    impl_->packer = std::thread{[this] { impl_->pack_all(); }};
    impl_->sender = std::thread{[this] { impl_->send_all(); }};
}

ImageSender::~ImageSender() {
    if (impl_->packer.joinable()) {
        impl_->stop_with(Fault::cancelled);
        ::shutdown(impl_->near_end.get(), SHUT_RD);
        impl_->packer.join();
        impl_->sender.join();
    }
}

int ImageSender::image_fd() const noexcept {
    return impl_->far_end.get();
}

Status ImageSender::drain() {
    impl_->far_end.reset();
    if (impl_->packer.joinable()) {
        impl_->packer.join();
        impl_->sender.join();
        limit_unsent(impl_->link, 0);
    }
    return impl_->fault == Fault::none ? Status{} : Status{Err{impl_->fault}};
}

Status ImageSender::finish(bool complete) {
    BALLAST_CHECK(drain());
    if (complete && impl_->count > 0) {
        BALLAST_CHECK(impl_->send_slot(impl_->queue[impl_->first]));
    }
    if (!complete) {
        return {};
    }
    return impl_->link.send(wire::Message{wire::MigrationEnd{impl_->image_bytes, impl_->digest.value()}});
}

std::uint64_t ImageSender::image_bytes() const noexcept {
    const std::lock_guard lock{impl_->mutex};
    return impl_->image_bytes;
}
wire::Compression ImageSender::compression() const noexcept {
    const std::lock_guard lock{impl_->mutex};
    return impl_->chooser.mostly();
}

}  // namespace ballast::agent
