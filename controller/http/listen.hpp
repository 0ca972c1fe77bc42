// Listening sockets of the HTTP endpoint.
#pragma once

#include <cstdint>
#include <string>

#include "shell/unique_fd.hpp"

namespace ballast::controller::http {

// A TCP socket on a numeric address. `port` 0 takes any free one and is set to it. Empty with `why`
// otherwise.
UniqueFd listen_tcp(const std::string& address, std::uint16_t& port, std::string& why);

// A unix socket of mode 0600. A socket file that is left over from a dead process is replaced; one that
// somebody still listens on is not.
UniqueFd listen_unix(const std::string& path, std::string& why);

// True when the process at the other end is root's, or of our own user.
bool peer_is_trusted(int socket_fd) noexcept;

}  // namespace ballast::controller::http
