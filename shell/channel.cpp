#include "shell/channel.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "shell/socket.hpp"

namespace ballast {
namespace {

bool would_block(int error) noexcept {
    return error == EAGAIN || error == EWOULDBLOCK;
}

Failure broken(int error) {
    return {Fault::connection_lost, std::string{"the connection broke: "} + std::strerror(error)};
}

}  // namespace

Channel::Channel(int socket_fd, Role role, const LinkOptions& options, SpareBytes& encrypted)
    : fd_{socket_fd}, spare_{encrypted} {
    prepare_socket(socket_fd, options.silence_timeout);
    if (options.tls) {
        tls_ = std::make_unique<TlsSession>(options.tls, role, options.peer_name, *this);
    }
}

IoStep Channel::finish_connect(Failure& failure) {
    const int error = connect_error(fd());
    if (error == 0) {
        return IoStep::done;
    }
    failure = {Fault::host_unreachable, std::string{"cannot connect: "} + std::strerror(error)};
    return IoStep::failed;
}

IoStep Channel::handshake(Failure& failure) {
    return tls_ ? tls_->handshake(failure) : IoStep::done;
}

IoStep Channel::receive(std::span<std::byte> into, std::size_t& got, Failure& failure) {
    if (tls_) {
        return tls_->receive(into, got, failure);
    }
    got = 0;
    const ssize_t result = read_socket(into.data(), into.size());
    if (result > 0) {
        got = static_cast<std::size_t>(result);
        return IoStep::done;
    }
    if (result == 0) {
        return IoStep::closed;
    }
    if (would_block(errno)) {
        return IoStep::want_read;
    }
    failure = broken(errno);
    return IoStep::failed;
}

IoStep Channel::send(std::span<const std::byte> data, bool more, std::size_t& taken, Failure& failure) {
    more_ = more;
    if (tls_) {
        return tls_->send(data, taken, failure);
    }
    taken = 0;
    const ssize_t result = write_socket(data.data(), data.size());
    if (result >= 0) {
        taken = static_cast<std::size_t>(result);
        return IoStep::done;
    }
    if (would_block(errno)) {
        return IoStep::want_write;
    }
    failure = broken(errno);
    return IoStep::failed;
}

void Channel::shut_down() noexcept {
    more_ = false;
    if (tls_) {
        tls_->say_goodbye();
    }
    ::shutdown(fd(), SHUT_WR);
}

ssize_t Channel::pull(void* data, std::size_t bytes) noexcept {
    if (encrypted_begin_ == encrypted_end_) {
        encrypted_ = spare_.take(socket_read_bytes);
        const ssize_t got = read_socket(encrypted_.data(), encrypted_.size());
        if (got <= 0) {
            const int error = errno;
            spare_.give_back(std::exchange(encrypted_, {}));
            errno = error;
            return got;
        }
        encrypted_begin_ = 0;
        encrypted_end_ = static_cast<std::size_t>(got);
    }
    const std::size_t taken = std::min(bytes, encrypted_end_ - encrypted_begin_);
    std::memcpy(data, encrypted_.data() + encrypted_begin_, taken);
    encrypted_begin_ += taken;
    if (encrypted_begin_ == encrypted_end_) {
        spare_.give_back(std::exchange(encrypted_, {}));
    }
    return static_cast<ssize_t>(taken);
}

ssize_t Channel::push(const void* data, std::size_t bytes) noexcept {
    return write_socket(data, bytes);
}

ssize_t Channel::read_socket(void* data, std::size_t bytes) noexcept {
    if (reads_left_ <= 0) {
        errno = EAGAIN;
        return -1;
    }
    --reads_left_;
    ssize_t got = 0;
    do {
        got = ::recv(fd(), data, bytes, 0);
    } while (got < 0 && errno == EINTR);
    if (got > 0) {
        bytes_received_.fetch_add(static_cast<std::uint64_t>(got), std::memory_order_relaxed);
    }
    return got;
}

ssize_t Channel::write_socket(const void* data, std::size_t bytes) noexcept {
    ssize_t sent = 0;
    do {
        sent = ::send(fd(), data, bytes, MSG_NOSIGNAL | (more_ ? MSG_MORE : 0));
    } while (sent < 0 && errno == EINTR);
    if (sent > 0) {
        bytes_sent_.fetch_add(static_cast<std::uint64_t>(sent), std::memory_order_relaxed);
    }
    return sent;
}

}  // namespace ballast
