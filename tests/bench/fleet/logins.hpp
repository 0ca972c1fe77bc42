// Requests at a fixed rate over connections that are kept open: users who log in (POST /v1/sessions), or GETs
// of some paths by turns. Each answer is timed from the moment at which the request was due, so that a
// controller that stalls cannot hide it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "shell/loop.hpp"
#include "shell/unique_fd.hpp"

namespace ballast::fleet {

struct LoginSettings {
    std::uint16_t port = 0;  // HTTP, on 127.0.0.1
    std::string pool;
    std::string user_prefix = "user";
    std::vector<std::string> paths;  // GET these instead
    std::uint32_t count = 200;
    double per_second = 200;
    std::uint32_t connections = 24;
};

struct Login {
    std::uint32_t number = 0;
    std::int64_t due_us = 0;       // by the monotonic clock
    std::int64_t answered_us = 0;  // 0: not yet
    unsigned status = 0;
    std::string body;  // of a login
};

class Logins {
  public:
    Logins(Loop& loop, const LoginSettings& settings, std::function<void()> on_done);
    ~Logins();
    const std::vector<Login>& all() const noexcept { return logins_; }
    const std::string& trouble() const noexcept { return trouble_; }

  private:
    struct Connection;

    void pace();
    void on_ready(Connection& connection, Interest ready);
    void begin(Connection& connection);
    void take_answer(Connection& connection);
    void fail(const std::string& why);

    LoginSettings settings_;
    std::function<void()> on_done_;
    std::vector<Login> logins_;
    std::size_t due_ = 0;    // logins whose time has come
    std::size_t begun_ = 0;  // of those, given to a connection
    std::size_t answered_ = 0;
    std::string trouble_;
    std::vector<std::unique_ptr<Connection>> connections_;
    Timer pacer_;
};

std::int64_t monotonic_us() noexcept;

}  // namespace ballast::fleet
