#include "cli/times.hpp"

#include <array>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <ctime>

namespace ballast::cli {

namespace {

// The digits of `text` from `at`; false when there are others.
bool digits(std::string_view text, std::size_t at, std::size_t count, int& value) noexcept {
    if (at + count > text.size()) {
        return false;
    }
    const char* const end = text.data() + at + count;
    const auto [stopped, error] = std::from_chars(text.data() + at, end, value);
    return error == std::errc{} && stopped == end;
}

}  // namespace

std::optional<std::int64_t> parse_time(std::string_view text) noexcept {
    std::tm parts{};
    const bool shaped = text.size() >= 20 && text[4] == '-' && text[7] == '-' && text[10] == 'T' &&
                        text[13] == ':' && text[16] == ':' && text.back() == 'Z';
    if (!shaped || !digits(text, 0, 4, parts.tm_year) || !digits(text, 5, 2, parts.tm_mon) ||
        !digits(text, 8, 2, parts.tm_mday) || !digits(text, 11, 2, parts.tm_hour) ||
        !digits(text, 14, 2, parts.tm_min) || !digits(text, 17, 2, parts.tm_sec)) {
        return std::nullopt;
    }
    int ms = 0;
    if (text.size() == 24 && (text[19] != '.' || !digits(text, 20, 3, ms))) {
        return std::nullopt;
    }
    parts.tm_year -= 1900;
    parts.tm_mon -= 1;
    return std::int64_t{::timegm(&parts)} * 1000 + ms;
}

std::int64_t wall_now_ms() noexcept {
    return std::chrono::duration_cast<std::chrono::milliseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
}

std::int64_t steady_now_ms() noexcept {
    return std::chrono::duration_cast<std::chrono::milliseconds>(
               std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

std::string rfc3339(std::int64_t unix_ms) {
    const std::time_t seconds = unix_ms / 1000;
    std::tm parts{};
    ::gmtime_r(&seconds, &parts);
    std::array<char, 32> text{};
    return {text.data(), std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts)};
}

std::string duration_for_people(std::int64_t ms) {
    constexpr std::int64_t minute = 60;
    constexpr std::int64_t hour = 60 * minute;
    constexpr std::int64_t day = 24 * hour;
    const std::int64_t seconds = ms <= 0 ? 0 : (ms + 500) / 1000;
    if (seconds < 2 * minute) {
        return std::to_string(seconds) + "s";
    }
    if (seconds < 2 * hour) {
        return std::to_string(seconds / minute) + "m";
    }
    return seconds < 2 * day ? std::to_string(seconds / hour) + "h" : std::to_string(seconds / day) + "d";
}

}  // namespace ballast::cli
