// Addresses of network cards.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace ballast {

// The address as a number: two that are written differently may be the same. Nothing when no card can have
// it: it is not six pairs of hexadecimal digits like "00:16:3e:01:02:03", is zero, or is a group's (an odd
// first byte).
std::optional<std::uint64_t> parse_mac(std::string_view text) noexcept;

}  // namespace ballast
