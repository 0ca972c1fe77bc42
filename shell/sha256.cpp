#include "shell/sha256.hpp"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

#include "base/assert.hpp"

namespace ballast {

Sha256 sha256(std::string_view text) noexcept {
    Sha256 digest{};
    BALLAST_ASSERT(gnutls_hash_fast(GNUTLS_DIG_SHA256, text.data(), text.size(), digest.data()) ==
                   GNUTLS_E_SUCCESS);
    return digest;
}

std::string to_hex(const Sha256& digest) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string hex;
    for (const std::byte byte : digest) {
        hex += digits[std::to_integer<std::size_t>(byte >> 4)];
        hex += digits[std::to_integer<std::size_t>(byte & std::byte{15})];
    }
    return hex;
}

bool from_hex(std::string_view hex, Sha256& digest) noexcept {
    constexpr std::string_view digits = "0123456789abcdef";
    if (hex.size() != 2 * digest.size()) {
        return false;
    }
    for (std::size_t i = 0; i < digest.size(); ++i) {
        const std::size_t high = digits.find(hex[2 * i]);
        const std::size_t low = digits.find(hex[2 * i + 1]);
        if (high == std::string_view::npos || low == std::string_view::npos) {
            return false;
        }
        digest[i] = static_cast<std::byte>(high * 16 + low);
    }
    return true;
}

bool equal_in_constant_time(const Sha256& a, const Sha256& b) noexcept {
    return gnutls_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace ballast
