// Times as the endpoint writes them, and as people read them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ballast::cli {

// Milliseconds since 1970 of "2026-11-21T06:43:06.039Z" (the fraction may be absent); nothing when it is no
// such time.
std::optional<std::int64_t> parse_time(std::string_view text) noexcept;

std::int64_t wall_now_ms() noexcept;
// Never goes backwards; for measuring.
std::int64_t steady_now_ms() noexcept;

// "2026-11-21T06:43:06Z"
std::string rfc3339(std::int64_t unix_ms);

// "8s", "4m", "3h", "12d": how long that is, in one unit. Below zero: "0s".
std::string duration_for_people(std::int64_t ms);

}  // namespace ballast::cli
