#include "shell/random.hpp"

#include <sys/random.h>

#include <cerrno>

#include "base/assert.hpp"

namespace ballast {

void random_bytes(std::span<std::byte> out) noexcept {
    while (!out.empty()) {
        const ssize_t got = ::getrandom(out.data(), out.size(), 0);
        BALLAST_ASSERT(got > 0 || errno == EINTR);
        if (got > 0) {
            out = out.subspan(static_cast<std::size_t>(got));
        }
    }
}

std::uint64_t random_u64() noexcept {
    std::uint64_t value = 0;
    random_bytes(std::as_writable_bytes(std::span{&value, 1}));
    return value;
}

Uuid new_uuid() noexcept {
    std::array<std::uint8_t, 16> bytes{};
    random_bytes(std::as_writable_bytes(std::span{bytes}));
    return uuid_from_random(bytes);
}

}  // namespace ballast
