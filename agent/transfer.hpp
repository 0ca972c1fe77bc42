// A guest's image between a hypervisor call and a data connection: the call works on one end of a socket pair
// that is always healthy, threads of ours relay the other end. Reading, compressing and sending overlap.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>

#include "agent/compression.hpp"
#include "agent/core/record.hpp"
#include "base/result.hpp"
#include "shell/link.hpp"

namespace ballast::agent {

// A host that is gone (not merely a process) is noticed within about 20 s, even while nothing is being sent.
void watch_peer_host(int fd) noexcept;

// Why the peer called a migration off; a peer that gives no reason has refused.
inline Fault reason_of(const wire::MigrationAborted& word) noexcept {
    return word.fault == Fault::none ? Fault::peer_refused : word.fault;
}

// Sends what is written to `image_fd()` as chunks, then the end mark.
class ImageSender {
  public:
    // `hold_end`: the last chunk does not leave before finish().
    ImageSender(BlockingLink& link, CompressionSetting setting, bool hold_end = false);
    ~ImageSender();
    ImageSender(const ImageSender&) = delete;
    ImageSender& operator=(const ImageSender&) = delete;

    // The end for the hypervisor call; -1 when the system would not give one.
    int image_fd() const noexcept;
    // With `hold_end`, when the call has ended: waits until all but the last chunk is sent. The link is the
    // caller's until finish(). Faults as finish().
    Status drain();
    // To be called when the call has ended: closes its end and waits until all is sent. With `complete` the
    // end mark follows. The fault of the connection, when there was one: the image has then not arrived.
    // `cancelled`: the destination has something to say, which is there to be received.
    Status finish(bool complete);
    // Image bytes taken over, compression used; from any thread.
    std::uint64_t image_bytes() const noexcept;
    wire::Compression compression() const noexcept;

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

// Receives chunks until the end mark and writes them to the other end of `image_fd()`.
class ImageReceiver {
  public:
    // `timeout`: how long the source may be silent. `on_image`: what comes between chunks about a disk, in
    // the receiver's thread; it may use the link. None: nothing of that kind is expected.
    using OnImage = std::function<Status(const wire::MigrationImage&, Detail& why)>;
    ImageReceiver(BlockingLink& link, Duration timeout, OnImage on_image = {});
    ~ImageReceiver();
    ImageReceiver(const ImageReceiver&) = delete;
    ImageReceiver& operator=(const ImageReceiver&) = delete;

    int image_fd() const noexcept;
    // To be called when the hypervisor call has ended. Waits until the end mark has come (a call may return
    // before) or the connection has failed; with `abandon` only until the thread has noticed, after the end
    // of what `on_image` has begun: the link can be used to say why. The fault: of the connection, or
    // `image_corrupt` when the end mark's length or digest disagrees, or what the source said when it gave up
    // (then in `detail` as well).
    Status finish(bool abandon, Detail& detail);
    std::uint64_t image_bytes() const noexcept;

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace ballast::agent
