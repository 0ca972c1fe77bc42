// "VNC authentication", the password scheme that every VNC client knows (RFC 6143, 7.2.2). Its cipher is DES:
// it keeps out whoever does not know a password that is good for one session, and protects nothing of what
// follows.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "base/result.hpp"

namespace ballast {

using VncChallenge = std::array<std::byte, 16>;

// Fresh from the kernel.
VncChallenge new_vnc_challenge() noexcept;

// What a peer that knows the password answers. Only the first 8 bytes of a password count. `unsupported`
// where GnuTLS was told not to do DES (FIPS mode).
Result<VncChallenge> vnc_response(const VncChallenge& challenge, std::string_view password) noexcept;

// In a time that does not depend on where they differ.
bool equal_in_constant_time(const VncChallenge& a, const VncChallenge& b) noexcept;

}  // namespace ballast
