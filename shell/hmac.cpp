#include "shell/hmac.hpp"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

#include "base/assert.hpp"

namespace ballast {
namespace {

gnutls_hmac_hd_t handle(void* mac) noexcept {
    return static_cast<gnutls_hmac_hd_t>(mac);
}

}  // namespace

HmacSha256::HmacSha256(std::span<const std::byte> key) {
    gnutls_hmac_hd_t mac = nullptr;
    BALLAST_ASSERT(gnutls_hmac_init(&mac, GNUTLS_MAC_SHA256, key.data(), key.size()) == GNUTLS_E_SUCCESS);
    mac_ = mac;
}

HmacSha256::~HmacSha256() {
    gnutls_hmac_deinit(handle(mac_), nullptr);
}

void HmacSha256::add(std::span<const std::byte> bytes) noexcept {
    BALLAST_ASSERT(gnutls_hmac(handle(mac_), bytes.data(), bytes.size()) == GNUTLS_E_SUCCESS);
}

Sha256 HmacSha256::finish() noexcept {
    Sha256 digest{};
    gnutls_hmac_output(handle(mac_), digest.data());
    return digest;
}

}  // namespace ballast
