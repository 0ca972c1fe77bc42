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

std::int64_t Patience::left_ms() const {
    const std::int64_t now = steady_now_ms();
    const std::int64_t of_this_time =
        bounds_.away_ms == no_end || !away_ ? bounds_.away_ms : away_since_ms_ + bounds_.away_ms - now;
    return std::min(of_this_time, bounds_.until_ms == no_end ? no_end : bounds_.until_ms - now);
}

bool Patience::bears(const HttpResponse& response) {
    if (!online_.client().reached() || !may_pass(response) || left_ms() <= 0) {
        return false;
    }
    if (!away_) {
        away_ = true;
        away_since_ms_ = steady_now_ms();
        if (!bounds_.silent) {
            const std::int64_t most = left_ms();
            online_.context().complain(
                explain_problem(response) + "; asking again " +
                (most == no_end ? "until it answers" : "for at most " + duration_for_people(most)));
        }
    }
    pause_for(std::min(backoff_.next_ms(random_u64()), left_ms()));
    return true;
}

bool Patience::answered() {
    backoff_.reset();
    if (!away_) {
        return false;
    }
    away_ = false;
    if (!bounds_.silent) {
        online_.context().complain("it answers again, after " +
                                   duration_for_people(steady_now_ms() - away_since_ms_));
    }
    return true;
}

Exit Patience::gives_up(const HttpResponse& response, const std::string& unknown) {
    const Exit exit = online_.refuse(response);
    if (!may_pass(response) || !online_.client().reached()) {
        return exit;
    }
    online_.context().complain(unknown);
    return bounds_.until_ms != no_end && steady_now_ms() >= bounds_.until_ms ? Exit::timeout : exit;
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
