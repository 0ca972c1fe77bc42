// How `ballast` ends. Scripts test for these numbers: never renumber.
#pragma once

#include <array>
#include <string_view>

namespace ballast::cli {

enum class Exit : int {
    ok = 0,
    failed = 1,
    usage = 2,
    not_found = 3,
    not_allowed = 4,
    conflict = 5,
    no_capacity = 6,
    unreachable = 7,
    timeout = 8,
};

struct ExitMeaning {
    Exit code;
    std::string_view meaning;
};

// What each number means where a command does not say it more exactly; in the order of the numbers.
inline constexpr std::array exit_meanings{
    ExitMeaning{Exit::ok, "done, or already so"},
    ExitMeaning{Exit::failed, "failed"},
    ExitMeaning{Exit::usage, "wrong usage or bad input"},
    ExitMeaning{Exit::not_found, "no such object"},
    ExitMeaning{Exit::not_allowed, "not allowed: no token, or one without the right"},
    ExitMeaning{Exit::conflict, "in conflict with the present state"},
    ExitMeaning{Exit::no_capacity, "no capacity, or a limit is reached"},
    ExitMeaning{Exit::unreachable, "the controller, or a host that it needs, does not answer"},
    ExitMeaning{Exit::timeout, "what was waited for has not ended within the time given"},
};

}  // namespace ballast::cli
