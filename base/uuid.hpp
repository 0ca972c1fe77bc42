#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/fixed_string.hpp"

namespace ballast {

// The identity of a domain (or a host, or a migration). Domain ids of Xen are reused; uuids are not.
struct Uuid {
    std::array<std::uint8_t, 16> bytes{};

    constexpr bool nil() const noexcept { return bytes == std::array<std::uint8_t, 16>{}; }
    friend constexpr auto operator<=>(const Uuid&, const Uuid&) noexcept = default;
};

using UuidText = FixedString<36>;

// "8-4-4-4-12" lower-case hexadecimal digits.
UuidText to_text(const Uuid& uuid) noexcept;

// Accepts exactly the form above, in either case. Anything else: nothing.
std::optional<Uuid> parse_uuid(std::string_view text) noexcept;

// A version 4 uuid out of 16 random bytes.
Uuid uuid_from_random(std::array<std::uint8_t, 16> random_bytes) noexcept;

}  // namespace ballast
