// Staying with a controller that goes away for a while: restarting it is routine, and no reason to end a
// watch, or the wait for what it was asked to do.
#pragma once

#include <cstdint>
#include <limits>

#include "cli/online/online.hpp"

namespace ballast::cli {

// What may pass by itself: no answer, a limit that is reached, an error on the controller's side. Everything
// else would be refused again.
bool may_pass(const HttpResponse& response) noexcept;

// Waits between tries: each twice the one before, up to a bound, and all of them shortened by chance, so that
// those who lost one controller at the same moment do not come back at the same moment.
class Backoff {
  public:
    std::int64_t next_ms(std::uint64_t random) noexcept;
    void reset() noexcept { wait_ms_ = first_ms; }

    static constexpr std::int64_t first_ms = 250;
    static constexpr std::int64_t longest_ms = 10000;

  private:
    std::int64_t wait_ms_ = first_ms;
};

class Patience {
  public:
    static constexpr std::int64_t no_end = std::numeric_limits<std::int64_t>::max();
    struct Bounds {
        std::int64_t away_ms = no_end;   // from one answer to the next; 0: none is waited for
        std::int64_t until_ms = no_end;  // of steady_now_ms
        bool silent = false;             // says nothing of a controller that comes back
    };

    Patience(Online& online, Bounds bounds) : online_{online}, bounds_{bounds} {}

    // After an answer that is none: says so (once until there is one), waits, and is true when it shall be
    // asked again. False: the response is to be refused. A controller that was never there is not waited for:
    // whoever mistyped the address wants to know at once.
    bool bears(const HttpResponse& response);

    // Since the last answer there was none.
    bool away() const noexcept { return away_; }

    // After an answer. True when there had been none before it: what was known may be out of date.
    bool answered();

    // Refuses the response that is not borne. When it is no refusal, says what is `unknown` now, and how to
    // know later.
    Exit gives_up(const HttpResponse& response, const std::string& unknown);

  private:
    std::int64_t left_ms() const;

    Online& online_;
    Bounds bounds_;
    Backoff backoff_;
    std::int64_t away_since_ms_ = 0;
    bool away_ = false;
};

// Until the controller has heard of all its hosts, or has waited for them long enough: just after its start
// it knows of no guest. Ends also when it does not answer.
void await_ready(Online& online);

// For commands that watch.
void declare_no_reconnect(Options& options, bool& into);

}  // namespace ballast::cli
