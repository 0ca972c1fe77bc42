// One line to standard error for each event worth telling. Under systemd (standard error is the journal) a
// line starts with its priority, "<6>"; elsewhere with the time and the level. Control characters are
// escaped, so that no peer can forge a line; a line longer than `log_line_bytes_max` is cut. Never allocates,
// may be called by any thread.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <optional>
#include <string_view>

#include <fmt/core.h>

#include "base/fault.hpp"
#include "base/fixed_string.hpp"
#include "base/uuid.hpp"
#include "base/vocabulary.hpp"

namespace ballast {

inline constexpr std::size_t log_line_bytes_max = 2048;

// The numbers are syslog's.
enum class LogLevel : std::uint8_t { error = 3, warning = 4, notice = 5, info = 6, debug = 7 };

// What is less urgent than `level` is dropped. `info` at start.
void set_log_level(LogLevel level) noexcept;
bool log_enabled(LogLevel level) noexcept;
// "error", "warning", "notice", "info", "debug".
std::optional<LogLevel> parse_log_level(std::string_view text) noexcept;

// Where lines go (for tests): a descriptor that the caller owns.
void set_log_descriptor(int fd) noexcept;
// Who writes a whole line, its line feed included; null, as at the start: whoever logs it (log_beside.hpp).
using LogWriter = void (*)(int fd, std::string_view line) noexcept;
void set_log_writer(LogWriter writer) noexcept;

void log_formatted(LogLevel level, fmt::string_view format, fmt::format_args arguments) noexcept;

template <class... Args>
void log_error(fmt::format_string<Args...> format, Args&&... args) noexcept {
    log_formatted(LogLevel::error, format, fmt::make_format_args(args...));
}
template <class... Args>
void log_warning(fmt::format_string<Args...> format, Args&&... args) noexcept {
    log_formatted(LogLevel::warning, format, fmt::make_format_args(args...));
}
template <class... Args>
void log_notice(fmt::format_string<Args...> format, Args&&... args) noexcept {
    log_formatted(LogLevel::notice, format, fmt::make_format_args(args...));
}
template <class... Args>
void log_info(fmt::format_string<Args...> format, Args&&... args) noexcept {
    log_formatted(LogLevel::info, format, fmt::make_format_args(args...));
}
template <class... Args>
void log_debug(fmt::format_string<Args...> format, Args&&... args) noexcept {
    log_formatted(LogLevel::debug, format, fmt::make_format_args(args...));
}

// Enumerators that have a word of their own: faults, states, kinds.
template <class T>
concept Worded = std::is_enum_v<T> && requires(T value) {
    { to_string(value) } -> std::same_as<std::string_view>;
};

}  // namespace ballast

// Plain "{}" for our own types. They write to the output themselves, which spares every file fmt/format.h.
namespace ballast::log_detail {
struct PlainFormatter {
    constexpr auto parse(fmt::format_parse_context& context) { return context.begin(); }
    static auto put(std::string_view text, fmt::format_context& context) {
        return std::copy(text.begin(), text.end(), context.out());
    }
};
}  // namespace ballast::log_detail

template <std::size_t capacity_bytes>
struct fmt::formatter<ballast::FixedString<capacity_bytes>> : ballast::log_detail::PlainFormatter {
    auto format(const ballast::FixedString<capacity_bytes>& text, fmt::format_context& context) const {
        return put(text.view(), context);
    }
};
template <>
struct fmt::formatter<ballast::Uuid> : ballast::log_detail::PlainFormatter {
    auto format(const ballast::Uuid& uuid, fmt::format_context& context) const {
        return put(ballast::to_text(uuid).view(), context);
    }
};
template <ballast::Worded T>
struct fmt::formatter<T> : ballast::log_detail::PlainFormatter {
    auto format(T value, fmt::format_context& context) const { return put(to_string(value), context); }
};
