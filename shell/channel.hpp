// A byte stream over one non-blocking TCP socket, with or without TLS: what Link and BlockingLink have in
// common.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "shell/tls.hpp"
#include "shell/unique_fd.hpp"

namespace ballast {

// How much one call of recv asks for.
inline constexpr std::size_t socket_read_bytes = 128 * 1024;

class Channel final : public TlsSession::Transport {
  public:
    // Takes ownership of a connected or connecting socket, and prepares it. `encrypted` must outlive it.
    Channel(int socket_fd, Role role, const LinkOptions& options, SpareBytes& encrypted);
    ~Channel() = default;
    Channel(const Channel&) = delete;
    Channel& operator=(const Channel&) = delete;

    // Once the socket is writable: whether the connect succeeded (`host_unreachable`).
    IoStep finish_connect(Failure& failure);
    // Done at once on plain TCP.
    IoStep handshake(Failure& failure);

    // Grants so many reads of the socket; without any left, receive() says want_read. A level-triggered watch
    // calls again, so that one busy peer does not starve the others, yet nothing is left lying in our own
    // buffers.
    void allow_reads(int count) noexcept { reads_left_ = count; }

    // After the handshake one thread may send while another receives.
    IoStep receive(std::span<std::byte> into, std::size_t& got, Failure& failure);
    // `more` hints that the next bytes follow at once.
    IoStep send(std::span<const std::byte> data, bool more, std::size_t& taken, Failure& failure);
    // Tells the peer that nothing more comes.
    void shut_down() noexcept;

    int fd() const noexcept { return fd_.get(); }
    bool encrypted() const noexcept { return tls_ != nullptr; }
    const std::string& peer_name() const noexcept { return tls_ ? tls_->peer_name() : no_name_; }
    std::uint64_t bytes_sent() const noexcept { return bytes_sent_.load(std::memory_order_relaxed); }
    std::uint64_t bytes_received() const noexcept { return bytes_received_.load(std::memory_order_relaxed); }

  private:
    ssize_t pull(void* data, std::size_t bytes) noexcept override;
    ssize_t push(const void* data, std::size_t bytes) noexcept override;
    ssize_t read_socket(void* data, std::size_t bytes) noexcept;
    ssize_t write_socket(const void* data, std::size_t bytes) noexcept;

    UniqueFd fd_;
    // TLS reads five bytes, then a record: it is fed out of this buffer instead of by two system calls each.
    // Its memory is taken for as long as there is something in it.
    SpareBytes& spare_;
    std::vector<std::byte> encrypted_;
    std::size_t encrypted_begin_ = 0;
    std::size_t encrypted_end_ = 0;
    std::unique_ptr<TlsSession> tls_;
    const std::string no_name_;
    int reads_left_ = 0;
    bool more_ = false;
    std::atomic<std::uint64_t> bytes_sent_{0};
    std::atomic<std::uint64_t> bytes_received_{0};
};

}  // namespace ballast
