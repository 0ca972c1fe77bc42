// Turns credentials into a caller with a role.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/instant.hpp"
#include "controller/access/login_limiter.hpp"
#include "controller/access/roles.hpp"
#include "controller/access/tokens.hpp"

namespace ballast::controller {

// What a client certificate's common name makes of its owner.
struct CertificateRole {
    std::string common_name;
    Role role = Role::none;  // user: the common name is the user's name
};

struct GateSettings {
    bool authenticate = true;  // false: whoever asks may do everything
    std::uint32_t failed_logins_per_minute = 30;
    std::vector<CertificateRole> certificates;
};

struct GateCounters {
    std::uint64_t logins_failed = 0;   // unknown, expired or revoked
    std::uint64_t logins_limited = 0;  // not looked at
};

class Gate {
  public:
    Gate(GateSettings settings, Tokens& tokens)
        : settings_{std::move(settings)}, tokens_{tokens}, limiter_{settings_.failed_logins_per_minute} {}

    Caller judge(const Credentials& credentials, const Now& now);
    // Called for failed logins that are worth a record, at most two a minute and address.
    void on_failed_login(std::function<void(const Credentials&, const Caller&)> notify) {
        failed_login_ = std::move(notify);
    }
    const GateCounters& counters() const noexcept { return counters_; }
    std::size_t addresses_watched() const noexcept { return limiter_.addresses(); }

  private:
    Caller judge_token(const Credentials& credentials, const Now& now);
    Caller judge_certificate(const Credentials& credentials) const;

    GateSettings settings_;
    Tokens& tokens_;
    LoginLimiter limiter_;
    GateCounters counters_;
    std::function<void(const Credentials&, const Caller&)> failed_login_;
};

}  // namespace ballast::controller
