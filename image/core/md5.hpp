// MD5 (RFC 1321) of many blocks of equal length at once: one block a vector lane. Equal lengths need no
// scheduling of jobs, share one constant padding block, and leave the lanes full to the end.
//
// A fingerprint finds candidates and proves nothing: whoever controls a guest's disk can plant two blocks of
// equal MD5. What is built from such candidates is verified with a keyed SHA-256 (transfer.hpp).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace ballast::image {

using Md5Digest = std::array<std::byte, 16>;

// Instruction sets, slowest first. Every x86-64 has SSE2.
enum class Md5Kernel : std::uint8_t { sse2 = 0, avx2 = 1, avx512 = 2 };
inline constexpr std::array md5_kernels{Md5Kernel::sse2, Md5Kernel::avx2, Md5Kernel::avx512};
std::string_view to_string(Md5Kernel kernel) noexcept;

// Whether this processor, and the system's saving of registers, have what the kernel needs.
bool can_run(Md5Kernel kernel) noexcept;
// The fastest one that can run here.
Md5Kernel best_md5_kernel() noexcept;

// Blocks that one call of a kernel works on. Calling with a multiple of the best kernel's count wastes no
// lane.
inline constexpr std::size_t md5_lanes_max = 48;

// digests[i] = MD5 of the `block_bytes` bytes at blocks[i].
// REQUIRES: can_run(kernel), block_bytes a positive multiple of 64, as many digests as blocks.
void md5_blocks(Md5Kernel kernel, std::span<const std::byte* const> blocks, std::size_t block_bytes,
                std::span<Md5Digest> digests) noexcept;

}  // namespace ballast::image
