#include "tests/bench/fleet/logins.hpp"

#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <charconv>
#include <ctime>

#include "shell/link.hpp"

namespace ballast::fleet {

struct Logins::Connection {
    UniqueFd fd;
    std::unique_ptr<FdWatch> watch;
    std::string out;
    std::string in;
    Login* login = nullptr;  // under way
};

std::int64_t monotonic_us() noexcept {
    timespec time{};
    ::clock_gettime(CLOCK_MONOTONIC, &time);
    return std::int64_t{time.tv_sec} * 1'000'000 + time.tv_nsec / 1000;
}

Logins::Logins(Loop& loop, const LoginSettings& settings, std::function<void()> on_done)
    : settings_{settings}, on_done_{std::move(on_done)}, pacer_{loop, [this] { pace(); }} {
    // A second to get connected before the first login is due.
    const std::int64_t first_us = monotonic_us() + 1'000'000;
    for (std::uint32_t i = 0; i < settings.count; ++i) {
        const auto after_us = static_cast<std::int64_t>(1e6 * static_cast<double>(i) / settings.per_second);
        logins_.push_back({i, first_us + after_us, 0, 0, {}});
    }
    for (std::uint32_t i = 0; i < settings.connections; ++i) {
        auto connection = std::make_unique<Connection>();
        std::string why;
        connection->fd.reset(start_connect("127.0.0.1", settings.port, why));
        if (!connection->fd) {
            fail(why);
            return;
        }
        connection->watch = std::make_unique<FdWatch>(
            loop, connection->fd.get(), Interest::read,
            [this, raw = connection.get()](Interest ready) { on_ready(*raw, ready); });
        connections_.push_back(std::move(connection));
    }
    pacer_.start_every(milliseconds(1));
}

Logins::~Logins() = default;

void Logins::fail(const std::string& why) {
    if (trouble_.empty()) {
        trouble_ = why;
        on_done_();
    }
}

void Logins::pace() {
    const std::int64_t at = monotonic_us();
    while (due_ < logins_.size() && logins_[due_].due_us <= at) {
        ++due_;
    }
    for (const auto& connection : connections_) {
        if (begun_ < due_ && connection->login == nullptr) {
            begin(*connection);
        }
    }
}

void Logins::begin(Connection& connection) {
    connection.login = &logins_[begun_++];
    if (!settings_.paths.empty()) {
        connection.out = fmt::format("GET {} HTTP/1.1\r\nHost: localhost\r\n\r\n",
                                     settings_.paths[connection.login->number % settings_.paths.size()]);
        on_ready(connection, Interest::write);
        return;
    }
    const std::string body = fmt::format(R"({{"user":"{}-{}","pool":"{}"}})", settings_.user_prefix,
                                         connection.login->number, settings_.pool);
    connection.out = fmt::format(
        "POST /v1/sessions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        "Content-Length: {}\r\n\r\n{}",
        body.size(), body);
    on_ready(connection, Interest::write);
}

void Logins::on_ready(Connection& connection, Interest ready) {
    if (ready != Interest::read && !connection.out.empty()) {
        const ssize_t sent =
            ::send(connection.fd.get(), connection.out.data(), connection.out.size(), MSG_NOSIGNAL);
        if (sent > 0) {
            connection.out.erase(0, static_cast<std::size_t>(sent));
        }
        connection.watch->set(connection.out.empty() ? Interest::read : Interest::read_write);
    }
    if (ready == Interest::write) {
        return;
    }
    std::array<char, 16384> buffer{};
    const ssize_t got = ::recv(connection.fd.get(), buffer.data(), buffer.size(), 0);
    if (got == 0 || (got < 0 && errno != EAGAIN)) {
        fail("the controller closed a connection");
        return;
    }
    if (got > 0) {
        connection.in.append(buffer.data(), static_cast<std::size_t>(got));
        take_answer(connection);
    }
}

void Logins::take_answer(Connection& connection) {
    const std::size_t head_end = connection.in.find("\r\n\r\n");
    constexpr std::string_view length_name = "Content-Length: ";
    const std::size_t length_at = connection.in.find(length_name);
    if (head_end == std::string::npos || length_at > head_end || connection.login == nullptr) {
        return;
    }
    std::size_t length = 0;
    const char* digits = connection.in.data() + length_at + length_name.size();
    std::from_chars(digits, connection.in.data() + head_end, length);
    const std::size_t body_at = head_end + 4;
    if (connection.in.size() < body_at + length) {
        return;
    }
    Login& login = *connection.login;
    login.answered_us = monotonic_us();
    constexpr std::size_t status_at = 9;  // behind "HTTP/1.1 "
    std::from_chars(connection.in.data() + status_at, connection.in.data() + status_at + 3, login.status);
    if (settings_.paths.empty()) {
        login.body = connection.in.substr(body_at, length);
    }
    connection.in.erase(0, body_at + length);
    connection.login = nullptr;
    if (++answered_ == logins_.size()) {
        pacer_.stop();
        on_done_();
    } else if (begun_ < due_) {
        begin(connection);
    }
}

}  // namespace ballast::fleet
