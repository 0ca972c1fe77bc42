#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "shell/link.hpp"
#include "shell/log.hpp"
#include "shell/socket.hpp"

namespace ballast {
namespace {

constexpr int connections_waiting_max = 128;  // the kernel's queue of those not accepted yet
constexpr int accepts_per_round = 16;         // a flood of connections must not starve those that exist
constexpr Duration pause_when_exhausted = milliseconds(200);

UniqueFd listen_on(const addrinfo& address) {
    UniqueFd fd{
        ::socket(address.ai_family, address.ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, address.ai_protocol)};
    // A restarted program must get its port back while old connections of it still linger.
    const int on = 1;
    if (fd && (::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
               ::bind(fd.get(), address.ai_addr, address.ai_addrlen) != 0 ||
               ::listen(fd.get(), connections_waiting_max) != 0)) {
        const int error = errno;
        fd.reset();
        errno = error;
    }
    return fd;
}

std::uint16_t port_of(int fd) noexcept {
    sockaddr_storage address{};
    socklen_t bytes = sizeof address;
    if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &bytes) != 0) {
        return 0;
    }
    return ntohs(address.ss_family == AF_INET6 ? reinterpret_cast<const sockaddr_in6*>(&address)->sin6_port
                                               : reinterpret_cast<const sockaddr_in*>(&address)->sin_port);
}

bool exhausted(int error) noexcept {
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

}  // namespace

struct Listener::Impl {
    UniqueFd fd;
    std::uint16_t port = 0;
    std::function<void(int)> on_accept;
    std::unique_ptr<FdWatch> watch;
    std::unique_ptr<Timer> resume;

    Impl(Loop& loop, UniqueFd listening, std::function<void(int)> callback)
        : fd{std::move(listening)}, port{port_of(fd.get())}, on_accept{std::move(callback)} {
        watch =
            std::make_unique<FdWatch>(loop, fd.get(), Interest::read, [this](Interest) { accept_some(); });
        resume = std::make_unique<Timer>(loop, [this] { watch->set(Interest::read); });
    }

    void accept_some() {
        for (int i = 0; i < accepts_per_round; ++i) {
            const int accepted = ::accept4(fd.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
            if (accepted >= 0) {
                on_accept(accepted);
                continue;
            }
            if (exhausted(errno)) {
                // The connection stays in the queue and the descriptor readable: look away for a while.
                log_warning("port {}: cannot accept a connection: {}", port, std::strerror(errno));
                watch->set(Interest::none);
                resume->start_once(pause_when_exhausted);
            }
            return;
        }
    }
};

Listener::Listener() = default;
Listener::~Listener() = default;

std::unique_ptr<Listener> Listener::open(Loop& loop, const std::string& address, std::uint16_t port,
                                         std::function<void(int)> on_accept, std::string& why) {
    const Addresses addresses = resolve(address, port, true, why);
    for (const addrinfo* each = addresses.get(); each != nullptr; each = each->ai_next) {
        UniqueFd fd = listen_on(*each);
        if (fd) {
            std::unique_ptr<Listener> listener{new Listener};
            listener->impl_ = std::make_unique<Impl>(loop, std::move(fd), std::move(on_accept));
            return listener;
        }
        why = "cannot listen on " + address + " port " + std::to_string(port) + ": " + std::strerror(errno);
    }
    return nullptr;
}

std::uint16_t Listener::port() const noexcept {
    return impl_->port;
}

}  // namespace ballast
