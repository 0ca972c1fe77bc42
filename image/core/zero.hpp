// Blocks of zeros need no fingerprint and no transfer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace ballast::image {

// Looks at a word of 64 bytes at a time and stops at the first that is not zero: data cost one look, zeros
// run at the speed of memory.
inline bool all_zero(std::span<const std::byte> bytes) noexcept {
    constexpr std::size_t step = 64;
    std::size_t at = 0;
    for (; at + step <= bytes.size(); at += step) {
        std::uint64_t words[step / 8];
        std::memcpy(words, bytes.data() + at, step);
        if (((words[0] | words[1]) | (words[2] | words[3]) | (words[4] | words[5]) | (words[6] | words[7])) !=
            0) {
            return false;
        }
    }
    for (; at < bytes.size(); ++at) {
        if (bytes[at] != std::byte{0}) {
            return false;
        }
    }
    return true;
}

}  // namespace ballast::image
