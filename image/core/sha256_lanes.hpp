// SHA-256 (FIPS 180-4) of 16 pieces of equal length at once: one piece a vector lane, as md5.hpp does it. On
// its own each of its steps waits for the one before; side by side they need not.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace ballast::image {

inline constexpr std::size_t sha256_lanes = 16;
inline constexpr std::size_t sha256_block_bytes = 64;

// words[i][lane]: word i of what a lane has come to.
struct alignas(64) Sha256States {
    std::array<std::array<std::uint32_t, sha256_lanes>, 8> words;
};

// Of nothing so far.
Sha256States sha256_start() noexcept;

// Instruction sets, slowest first; `sha` has instructions for the rounds themselves, `both` those
// and AVX-512. Every x86-64 has SSE2.
enum class Sha256Kernel : std::uint8_t { sse2 = 0, avx2 = 1, avx512 = 2, sha = 3, both = 4 };
inline constexpr std::array sha256_kernels{Sha256Kernel::sse2, Sha256Kernel::avx2, Sha256Kernel::avx512,
                                           Sha256Kernel::sha, Sha256Kernel::both};
std::string_view to_string(Sha256Kernel kernel) noexcept;
// Whether this processor, and the system's saving of registers, have what the kernel needs.
bool can_run(Sha256Kernel kernel) noexcept;
// The fastest one that can run here.
Sha256Kernel best_sha256_kernel() noexcept;

// Each lane goes on over so many blocks of 64 bytes that lie at its pointer. REQUIRES: can_run(kernel).
using Sha256Places = std::array<const std::byte*, sha256_lanes>;
void sha256_blocks(Sha256Kernel kernel, Sha256States& states, const Sha256Places& places,
                   std::size_t blocks) noexcept;

}  // namespace ballast::image
