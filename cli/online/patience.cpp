#include "cli/online/patience.hpp"

#include <algorithm>
#include <chrono>
#include <thread>

#include "cli/problem.hpp"
#include "cli/times.hpp"
#include "shell/random.hpp"

namespace ballast::cli {

namespace {

constexpr std::int64_t between_looks_ms = 250;

void pause_for(std::int64_t ms) {
    std::this_thread::sleep_for(std::chrono::milliseconds(ms));
}

}  // namespace

bool may_pass(const HttpResponse& response) noexcept {
    constexpr long too_many_requests = 429;
    return response.status == 0 || response.status == too_many_requests || response.status >= 500;
}

std::int64_t Backoff::next_ms(std::uint64_t random) noexcept {
    const std::int64_t longest = wait_ms_;
    wait_ms_ = std::min(wait_ms_ * 2, longest_ms);
    return longest - static_cast<std::int64_t>(random % static_cast<std::uint64_t>(longest / 4));
}

bool Patience::bears(const HttpResponse& response) {
    if (!connects_again_ || !answered_once_ || !may_pass(response)) {
        return false;
    }
    if (!away_) {
        away_ = true;
        away_since_ms_ = steady_now_ms();
        online_.context().complain(explain_problem(response) + "; asking again until it answers");
    }
    pause_for(backoff_.next_ms(random_u64()));
    return true;
}

bool Patience::answered() {
    answered_once_ = true;
    backoff_.reset();
    if (!away_) {
        return false;
    }
    away_ = false;
    online_.context().complain("it answers again, after " +
                               duration_for_people(steady_now_ms() - away_since_ms_));
    return true;
}

void await_ready(Online& online) {
    for (;;) {
        const HttpResponse response = online.get("/readyz");
        const JsonText text{response.body};
        const Json ready = text.root().at("ready");
        if (ready.is_null() || ready.flag()) {
            return;
        }
        pause_for(between_looks_ms);
    }
}

void declare_no_reconnect(Options& options, bool& into) {
    options.flag("--no-reconnect", into,
                 "with -w: end with code 7 when the controller goes away, instead of asking it again");
}

}  // namespace ballast::cli
