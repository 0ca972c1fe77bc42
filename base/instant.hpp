// Time as the cores see it: given to them, never read by them.
#pragma once

#include <compare>
#include <cstdint>

namespace ballast {

// A span of time in milliseconds.
struct Duration {
    std::int64_t ms = 0;
    friend constexpr auto operator<=>(Duration, Duration) noexcept = default;
    friend constexpr Duration operator+(Duration a, Duration b) noexcept { return {a.ms + b.ms}; }
    friend constexpr Duration operator-(Duration a, Duration b) noexcept { return {a.ms - b.ms}; }
    friend constexpr Duration operator*(Duration a, std::int64_t n) noexcept { return {a.ms * n}; }
};

inline constexpr double ms_per_second = 1000;

constexpr Duration milliseconds(std::int64_t n) noexcept {
    return {n};
}
constexpr Duration seconds(std::int64_t n) noexcept {
    return {n * 1000};
}

// A point on a clock that never steps (CLOCK_BOOTTIME of one boot). Meaningless outside the process.
struct Instant {
    std::int64_t ms = 0;
    friend constexpr auto operator<=>(Instant, Instant) noexcept = default;
    friend constexpr Instant operator+(Instant a, Duration d) noexcept { return {a.ms + d.ms}; }
    friend constexpr Instant operator-(Instant a, Duration d) noexcept { return {a.ms - d.ms}; }
    friend constexpr Duration operator-(Instant a, Instant b) noexcept { return {a.ms - b.ms}; }
};

// Calendar time (Unix epoch, milliseconds): for people, and for what must survive a restart.
struct WallTime {
    std::int64_t unix_ms = 0;
    friend constexpr auto operator<=>(WallTime, WallTime) noexcept = default;
};

// What a core is told with every event.
struct Now {
    Instant mono;
    WallTime wall;
};

}  // namespace ballast
