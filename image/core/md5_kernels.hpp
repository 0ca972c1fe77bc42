// The kernels behind md5_blocks, one source file each. For md5.cpp and for tests.
#pragma once

#include <cstddef>

#include "image/core/md5.hpp"

namespace ballast::image {

// Each hashes as many blocks as its lanes. REQUIRES: the processor can run it.
inline constexpr std::size_t md5_lanes_sse2 = 8;
inline constexpr std::size_t md5_lanes_avx2 = 24;
inline constexpr std::size_t md5_lanes_avx512 = 32;
void md5_hash_sse2(const std::byte* const* blocks, std::size_t block_bytes, Md5Digest* digests) noexcept;
void md5_hash_avx2(const std::byte* const* blocks, std::size_t block_bytes, Md5Digest* digests) noexcept;
void md5_hash_avx512(const std::byte* const* blocks, std::size_t block_bytes, Md5Digest* digests) noexcept;

}  // namespace ballast::image
