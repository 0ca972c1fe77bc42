#include "shell/socket.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "shell/link.hpp"

namespace ballast {
namespace {

void set_option(int fd, int level, int name, int value) noexcept {
    // A kernel that refuses one of these only notices trouble later: the links' own pings remain.
    [[maybe_unused]] const int ignored = ::setsockopt(fd, level, name, &value, sizeof value);
}

}  // namespace

Addresses resolve(const std::string& address, std::uint16_t port, bool to_listen, std::string& why) {
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_NUMERICSERV | (to_listen ? AI_PASSIVE : 0);
    addrinfo* first = nullptr;
    const int error = ::getaddrinfo(address.c_str(), std::to_string(port).c_str(), &hints, &first);
    if (error != 0) {
        why = "cannot resolve \"" + address +
              "\": " + (error == EAI_SYSTEM ? std::strerror(errno) : ::gai_strerror(error));
        return nullptr;
    }
    return Addresses{first};
}

UniqueFd start_connect_to(const addrinfo& address) {
    UniqueFd fd{
        ::socket(address.ai_family, address.ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, address.ai_protocol)};
    if (fd && ::connect(fd.get(), address.ai_addr, address.ai_addrlen) != 0 && errno != EINPROGRESS) {
        const int error = errno;
        fd.reset();
        errno = error;
    }
    return fd;
}

int start_connect(const std::string& address, std::uint16_t port, std::string& why) {
    const Addresses addresses = resolve(address, port, false, why);
    for (const addrinfo* each = addresses.get(); each != nullptr; each = each->ai_next) {
        UniqueFd fd = start_connect_to(*each);
        if (fd) {
            return fd.release();
        }
        why = "cannot connect to " + address + " port " + std::to_string(port) + ": " + std::strerror(errno);
    }
    return -1;
}

void prepare_socket(int fd, Duration silence_timeout) {
    constexpr int keepalive_probes = 3;
    const int flags = ::fcntl(fd, F_GETFL);
    ::fcntl(fd, F_SETFL, flags | O_NONBLOCK);
    ::fcntl(fd, F_SETFD, FD_CLOEXEC);
    const auto pause_seconds =
        static_cast<int>(std::clamp<std::int64_t>(silence_timeout.ms / 1000 / 4, 1, 3600));
    set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, pause_seconds);
    set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, pause_seconds);
    set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, keepalive_probes);
    set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT,
               static_cast<int>(std::clamp<std::int64_t>(silence_timeout.ms, 1000, 3'600'000)));
}

int connect_error(int fd) {
    int error = 0;
    socklen_t bytes = sizeof error;
    return ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &bytes) == 0 ? error : errno;
}

std::string peer_text(int fd) {
    sockaddr_storage address{};
    socklen_t bytes = sizeof address;
    std::array<char, NI_MAXHOST> host{};
    std::array<char, NI_MAXSERV> port{};
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    if (::getpeername(fd, generic, &bytes) != 0 ||
        ::getnameinfo(generic, bytes, host.data(), host.size(), port.data(), port.size(),
                      NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
        return {};
    }
    const std::string plain{host.data()};
    return (address.ss_family == AF_INET6 ? "[" + plain + "]" : plain) + ":" + port.data();
}

}  // namespace ballast
