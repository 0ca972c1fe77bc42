#include "shell/vnc_auth.hpp"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

#include <algorithm>

#include "shell/random.hpp"

namespace ballast {
namespace {

constexpr std::size_t block_bytes = 8;

std::byte mirrored(std::byte value) noexcept {
    unsigned bits = std::to_integer<unsigned>(value);
    unsigned out = 0;
    for (int i = 0; i < 8; ++i, bits >>= 1) {
        out = out << 1 | (bits & 1U);
    }
    return static_cast<std::byte>(out);
}

// VNC takes a password's bits in the reverse order of what DES calls a key.
std::array<std::byte, block_bytes> key_of(std::string_view password) noexcept {
    std::array<std::byte, block_bytes> key{};
    for (std::size_t i = 0; i < std::min(password.size(), key.size()); ++i) {
        key[i] = mirrored(static_cast<std::byte>(password[i]));
    }
    return key;
}

}  // namespace

VncChallenge new_vnc_challenge() noexcept {
    VncChallenge challenge;
    random_bytes(challenge);
    return challenge;
}

Result<VncChallenge> vnc_response(const VncChallenge& challenge, std::string_view password) noexcept {
    std::array<std::byte, block_bytes> key = key_of(password);
    const gnutls_datum_t key_datum{reinterpret_cast<unsigned char*>(key.data()), key.size()};
    VncChallenge response = challenge;
    // GnuTLS has DES only with chaining: a chain of one block, begun with zeroes, is the plain cipher.
    for (std::size_t at = 0; at < response.size(); at += block_bytes) {
        std::array<unsigned char, block_bytes> zeroes{};
        const gnutls_datum_t start{zeroes.data(), zeroes.size()};
        gnutls_cipher_hd_t cipher = nullptr;
        if (gnutls_cipher_init(&cipher, GNUTLS_CIPHER_DES_CBC, &key_datum, &start) != GNUTLS_E_SUCCESS) {
            return Err{Fault::unsupported};
        }
        const int encrypted = gnutls_cipher_encrypt(cipher, response.data() + at, block_bytes);
        gnutls_cipher_deinit(cipher);
        if (encrypted != GNUTLS_E_SUCCESS) {
            return Err{Fault::unsupported};
        }
    }
    return response;
}

bool equal_in_constant_time(const VncChallenge& a, const VncChallenge& b) noexcept {
    return gnutls_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace ballast
