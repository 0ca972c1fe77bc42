#include <emmintrin.h>

#include "image/core/md5_kernel.hpp"
#include "image/core/md5_kernels.hpp"

namespace ballast::image {
namespace {

struct Sse2 {
    using Word = __m128i;
    static constexpr std::size_t lanes = 4;

    BALLAST_INLINE static Word broadcast(std::uint32_t value) noexcept {
        return _mm_set1_epi32(static_cast<int>(value));
    }
    BALLAST_INLINE static Word load_words(const std::uint32_t* words) noexcept {
        return _mm_load_si128(reinterpret_cast<const Word*>(words));
    }
    BALLAST_INLINE static Word add(Word a, Word b) noexcept { return _mm_add_epi32(a, b); }
    template <int bits>
    BALLAST_INLINE static Word rotate_left(Word a) noexcept {
        return _mm_or_si128(_mm_slli_epi32(a, bits), _mm_srli_epi32(a, 32 - bits));
    }
    BALLAST_INLINE static Word choose(Word b, Word c, Word d) noexcept {
        return _mm_xor_si128(d, _mm_and_si128(b, _mm_xor_si128(c, d)));
    }
    // The two halves of (b & d) | (c & ~d) share no bit, so they can be added one by one, and the one without
    // b, which comes last out of the step before, need not wait.
    BALLAST_INLINE static Word add_choose_late(Word sum, Word b, Word c, Word d) noexcept {
        return add(add(sum, _mm_andnot_si128(d, c)), _mm_and_si128(d, b));
    }
    BALLAST_INLINE static Word parity(Word b, Word c, Word d) noexcept {
        return _mm_xor_si128(b, _mm_xor_si128(c, d));
    }
    BALLAST_INLINE static Word round_four(Word b, Word c, Word d) noexcept {
        return _mm_xor_si128(c, _mm_or_si128(b, _mm_xor_si128(d, _mm_set1_epi32(-1))));
    }

    BALLAST_INLINE static void load_transposed(const std::byte* const* blocks, std::size_t offset,
                                               Word* words) noexcept {
#pragma GCC unroll 4
        for (std::size_t quarter = 0; quarter < 4; ++quarter) {
            Word rows[4];
#pragma GCC unroll 4
            for (std::size_t lane = 0; lane < 4; ++lane) {
                rows[lane] =
                    _mm_loadu_si128(reinterpret_cast<const Word*>(blocks[lane] + offset + 16 * quarter));
            }
            const Word low01 = _mm_unpacklo_epi32(rows[0], rows[1]);
            const Word low23 = _mm_unpacklo_epi32(rows[2], rows[3]);
            const Word high01 = _mm_unpackhi_epi32(rows[0], rows[1]);
            const Word high23 = _mm_unpackhi_epi32(rows[2], rows[3]);
            words[4 * quarter + 0] = _mm_unpacklo_epi64(low01, low23);
            words[4 * quarter + 1] = _mm_unpackhi_epi64(low01, low23);
            words[4 * quarter + 2] = _mm_unpacklo_epi64(high01, high23);
            words[4 * quarter + 3] = _mm_unpackhi_epi64(high01, high23);
        }
    }
};

using Kernel = Md5Lanes<Sse2, 2>;
static_assert(Kernel::lanes == md5_lanes_sse2);

}  // namespace

void md5_hash_sse2(const std::byte* const* blocks, std::size_t block_bytes, Md5Digest* digests) noexcept {
    Kernel::hash(blocks, block_bytes, digests);
}

}  // namespace ballast::image
