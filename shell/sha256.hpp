// SHA-256 (GnuTLS's), for what is kept hashed: tokens.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

namespace ballast {

using Sha256 = std::array<std::byte, 32>;
Sha256 sha256(std::string_view text) noexcept;

// Lower-case hexadecimal digits, and back: false when `hex` is not exactly 64 of them.
std::string to_hex(const Sha256& digest);
bool from_hex(std::string_view hex, Sha256& digest) noexcept;

// Takes equally long whatever they hold, so that the time of an answer tells nothing about a secret.
bool equal_in_constant_time(const Sha256& a, const Sha256& b) noexcept;

}  // namespace ballast
