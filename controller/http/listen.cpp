#include "controller/http/listen.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace ballast::controller::http {

namespace {

constexpr int backlog = 64;

UniqueFd stream_socket(int family) {
    return UniqueFd{::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
}

bool start_listening(const UniqueFd& fd, const sockaddr* address, socklen_t length) {
    return fd && ::bind(fd.get(), address, length) == 0 && ::listen(fd.get(), backlog) == 0;
}

}  // namespace

UniqueFd listen_tcp(const std::string& address, std::uint16_t& port, std::string& why) {
    sockaddr_in v4{};
    sockaddr_in6 v6{};
    const bool is_v4 = ::inet_pton(AF_INET, address.c_str(), &v4.sin_addr) == 1;
    if (!is_v4 && ::inet_pton(AF_INET6, address.c_str(), &v6.sin6_addr) != 1) {
        why = "http.listen: \"" + address + "\" is no numeric address";
        return {};
    }
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    UniqueFd fd = stream_socket(is_v4 ? AF_INET : AF_INET6);
    const int on = 1;
    if (fd) {
        (void)::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on,
                           sizeof on);  // only a restart would feel it
    }
    socklen_t length = is_v4 ? sizeof v4 : sizeof v6;
    auto* where = is_v4 ? reinterpret_cast<sockaddr*>(&v4) : reinterpret_cast<sockaddr*>(&v6);
    if (!start_listening(fd, where, length) || ::getsockname(fd.get(), where, &length) != 0) {
        why = "http.listen: " + address + " port " + std::to_string(port) + ": " + std::strerror(errno);
        return {};
    }
    port = ntohs(is_v4 ? v4.sin_port : v6.sin6_port);
    return fd;
}

UniqueFd listen_unix(const std::string& path, std::string& why) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) {
        why = "http.socket: the path is too long";
        return {};
    }
    std::memcpy(address.sun_path, path.data(), path.size());
    const auto* where = reinterpret_cast<const sockaddr*>(&address);
    const UniqueFd probe{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    if (probe && ::connect(probe.get(), where, sizeof address) == 0) {
        why = "http.socket: " + path + ": somebody listens there already";
        return {};
    }
    struct stat facts {};
    if (::lstat(path.c_str(), &facts) == 0 && S_ISSOCK(facts.st_mode)) {
        ::unlink(path.c_str());
    }
    UniqueFd fd = stream_socket(AF_UNIX);
    const mode_t previous = ::umask(0177);  // the file must never be open to others, not even for a moment
    const bool listening = start_listening(fd, where, sizeof address);
    ::umask(previous);
    if (!listening) {
        why = "http.socket: " + path + ": " + std::strerror(errno);
        return {};
    }
    return fd;
}

bool peer_is_trusted(int socket_fd) noexcept {
    ucred peer{};
    socklen_t length = sizeof peer;
    return ::getsockopt(socket_fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 &&
           (peer.uid == 0 || peer.uid == ::geteuid());
}

}  // namespace ballast::controller::http
