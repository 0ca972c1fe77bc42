#include "shell/notify.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <cstring>

#include "base/fixed_string.hpp"

namespace ballast {
namespace {

bool send_state(std::string_view state) noexcept {
    const char* path = std::getenv("NOTIFY_SOCKET");
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::size_t length = path == nullptr ? 0 : std::strlen(path);
    if (length < 2 || length >= sizeof address.sun_path) {
        return false;
    }
    std::memcpy(address.sun_path, path, length);
    if (path[0] == '@') {
        address.sun_path[0] = '\0';  // the abstract namespace
    }
    const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return false;
    }
    const auto address_bytes = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length);
    const ssize_t sent = ::sendto(fd, state.data(), state.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
                                  reinterpret_cast<const sockaddr*>(&address), address_bytes);
    ::close(fd);
    return sent == static_cast<ssize_t>(state.size());
}

// A value must stay on its line: what follows a newline would be another variable.
FixedString<512> with_status(std::string_view variables, std::string_view status) noexcept {
    FixedString<512> text{variables};
    text.append_cut("STATUS=");
    text.append_cut(status.substr(0, status.find('\n')));
    return text;
}

}  // namespace

bool notify_ready(std::string_view status) noexcept {
    return send_state(with_status("READY=1\n", status));
}
bool notify_status(std::string_view status) noexcept {
    return send_state(with_status("", status));
}
bool notify_stopping() noexcept {
    return send_state("STOPPING=1");
}
bool notify_watchdog() noexcept {
    return send_state("WATCHDOG=1");
}

Duration watchdog_period() noexcept {
    const auto number_in = [](const char* variable) -> std::int64_t {
        const char* text = std::getenv(variable);
        std::int64_t value = 0;
        if (text == nullptr || std::from_chars(text, text + std::strlen(text), value).ec != std::errc{}) {
            return 0;
        }
        return value;
    };
    // The variables may have been inherited from a parent for whom they were meant.
    if (const std::int64_t pid = number_in("WATCHDOG_PID"); pid != 0 && pid != ::getpid()) {
        return {};
    }
    return milliseconds(number_in("WATCHDOG_USEC") / 1000 / 2);
}

}  // namespace ballast
