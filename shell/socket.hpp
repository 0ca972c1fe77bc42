// Small steps with TCP sockets that links and listeners share.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include <netdb.h>

#include "base/instant.hpp"
#include "shell/unique_fd.hpp"

namespace ballast {

struct FreeAddresses {
    void operator()(addrinfo* first) const noexcept { ::freeaddrinfo(first); }
};
using Addresses = std::unique_ptr<addrinfo, FreeAddresses>;

// TCP addresses of a numeric address or a name (names block while they are resolved), for connecting or, with
// `to_listen`, for binding. Null with a sentence in `why`.
Addresses resolve(const std::string& address, std::uint16_t port, bool to_listen, std::string& why);

// Starts a non-blocking connect to one address. Empty with errno set when it failed at once.
UniqueFd start_connect_to(const addrinfo& address);

// Non-blocking, close-on-exec, no delay of small messages, and an end to connections whose peer vanished
// without a word (keepalive while idle; TCP_USER_TIMEOUT while data is in flight).
void prepare_socket(int fd, Duration silence_timeout);

// The error of a connect that has ended: 0 when it is connected.
int connect_error(int fd);

// "address:port" (IPv6 in brackets) of the peer; empty when there is none.
std::string peer_text(int fd);

}  // namespace ballast
