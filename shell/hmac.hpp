// HMAC-SHA-256 (GnuTLS's) of what comes in pieces.
#pragma once

#include <cstddef>
#include <span>

#include "shell/sha256.hpp"

namespace ballast {

// One thread at a time. A failure of the library is a bug of ours (a wrong argument) and ends the program.
class HmacSha256 {
  public:
    explicit HmacSha256(std::span<const std::byte> key);
    ~HmacSha256();
    HmacSha256(const HmacSha256&) = delete;
    HmacSha256& operator=(const HmacSha256&) = delete;

    void add(std::span<const std::byte> bytes) noexcept;
    // Of everything added since the last finish(); begins anew with the same key.
    Sha256 finish() noexcept;

  private:
    void* mac_ = nullptr;  // gnutls_hmac_hd_t
};

}  // namespace ballast
