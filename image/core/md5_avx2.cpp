#include <immintrin.h>

// What the kernel's header includes must be compiled for every processor: it comes before the choice of the
// set.
#include <array>
#include <cstring>
#include <utility>

#include "image/core/md5_kernels.hpp"

#pragma GCC push_options
#pragma GCC target("avx2")
#include "image/core/md5_kernel.hpp"

namespace ballast::image {
namespace {

struct Avx2 {
    using Word = __m256i;
    static constexpr std::size_t lanes = 8;

    BALLAST_INLINE static Word broadcast(std::uint32_t value) noexcept {
        return _mm256_set1_epi32(static_cast<int>(value));
    }
    BALLAST_INLINE static Word load_words(const std::uint32_t* words) noexcept {
        return _mm256_load_si256(reinterpret_cast<const Word*>(words));
    }
    BALLAST_INLINE static Word add(Word a, Word b) noexcept { return _mm256_add_epi32(a, b); }
    template <int bits>
    BALLAST_INLINE static Word rotate_left(Word a) noexcept {
        return _mm256_or_si256(_mm256_slli_epi32(a, bits), _mm256_srli_epi32(a, 32 - bits));
    }
    BALLAST_INLINE static Word choose(Word b, Word c, Word d) noexcept {
        return _mm256_xor_si256(d, _mm256_and_si256(b, _mm256_xor_si256(c, d)));
    }
    // As in md5_sse2.cpp: the half without b need not wait for it.
    BALLAST_INLINE static Word add_choose_late(Word sum, Word b, Word c, Word d) noexcept {
        return add(add(sum, _mm256_andnot_si256(d, c)), _mm256_and_si256(d, b));
    }
    BALLAST_INLINE static Word parity(Word b, Word c, Word d) noexcept {
        return _mm256_xor_si256(b, _mm256_xor_si256(c, d));
    }
    BALLAST_INLINE static Word round_four(Word b, Word c, Word d) noexcept {
        return _mm256_xor_si256(c, _mm256_or_si256(b, _mm256_xor_si256(d, _mm256_set1_epi32(-1))));
    }

    // 8 lanes x 8 words, twice.
    BALLAST_INLINE static void load_transposed(const std::byte* const* blocks, std::size_t offset,
                                               Word* words) noexcept {
#pragma GCC unroll 2
        for (std::size_t half = 0; half < 2; ++half) {
            Word rows[8];
#pragma GCC unroll 8
            for (std::size_t lane = 0; lane < 8; ++lane) {
                rows[lane] =
                    _mm256_loadu_si256(reinterpret_cast<const Word*>(blocks[lane] + offset + 32 * half));
            }
            transpose(rows, words + 8 * half);
        }
    }
    BALLAST_INLINE static void transpose(const Word (&rows)[8], Word* words) noexcept {
        Word pairs[8];
#pragma GCC unroll 4
        for (std::size_t i = 0; i < 4; ++i) {
            pairs[2 * i] = _mm256_unpacklo_epi32(rows[2 * i], rows[2 * i + 1]);
            pairs[2 * i + 1] = _mm256_unpackhi_epi32(rows[2 * i], rows[2 * i + 1]);
        }
        Word quads[8];
#pragma GCC unroll 2
        for (std::size_t i = 0; i < 2; ++i) {
            quads[4 * i + 0] = _mm256_unpacklo_epi64(pairs[4 * i], pairs[4 * i + 2]);
            quads[4 * i + 1] = _mm256_unpackhi_epi64(pairs[4 * i], pairs[4 * i + 2]);
            quads[4 * i + 2] = _mm256_unpacklo_epi64(pairs[4 * i + 1], pairs[4 * i + 3]);
            quads[4 * i + 3] = _mm256_unpackhi_epi64(pairs[4 * i + 1], pairs[4 * i + 3]);
        }
#pragma GCC unroll 4
        for (std::size_t i = 0; i < 4; ++i) {
            words[i] = _mm256_permute2x128_si256(quads[i], quads[4 + i], 0x20);
            words[4 + i] = _mm256_permute2x128_si256(quads[i], quads[4 + i], 0x31);
        }
    }
};

using Kernel = Md5Lanes<Avx2, 3>;
static_assert(Kernel::lanes == md5_lanes_avx2);

}  // namespace

void md5_hash_avx2(const std::byte* const* blocks, std::size_t block_bytes, Md5Digest* digests) noexcept {
    Kernel::hash(blocks, block_bytes, digests);
}

}  // namespace ballast::image
#pragma GCC pop_options
