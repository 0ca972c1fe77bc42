// What AVX-512 has an instruction for, of any three words. Included after the instruction set was chosen
// (#pragma GCC target); everything here has internal linkage.
#pragma once

#include <immintrin.h>

#include <cstddef>

#include "image/core/sha256_kernel.hpp"

namespace ballast::image {
namespace {

// Truth tables: bit (4b + 2c + d) of the number is the result.
template <std::size_t width>
struct TernaryLogic : PlainLogic<width> {
    using Word = typename VectorOf<width>::Type;
    template <int table>
    [[gnu::always_inline]] static Word ternary(Word b, Word c, Word d) noexcept {
        if constexpr (width == 16) {
            return reinterpret_cast<Word>(_mm512_ternarylogic_epi32(reinterpret_cast<__m512i>(b),
                                                                    reinterpret_cast<__m512i>(c),
                                                                    reinterpret_cast<__m512i>(d), table));
        } else {
            return reinterpret_cast<Word>(_mm256_ternarylogic_epi32(reinterpret_cast<__m256i>(b),
                                                                    reinterpret_cast<__m256i>(c),
                                                                    reinterpret_cast<__m256i>(d), table));
        }
    }
    [[gnu::always_inline]] static Word choose(Word b, Word c, Word d) noexcept {
        return ternary<0xca>(b, c, d);
    }
    [[gnu::always_inline]] static Word majority(Word b, Word c, Word d) noexcept {
        return ternary<0xe8>(b, c, d);
    }
    [[gnu::always_inline]] static Word parity(Word b, Word c, Word d) noexcept {
        return ternary<0x96>(b, c, d);
    }
    [[gnu::always_inline]] static Word reverse(Word a) noexcept {
        if constexpr (width == 8) {
            const __m256i reversed =
                _mm256_broadcastsi128_si256(_mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203));
            return reinterpret_cast<Word>(_mm256_shuffle_epi8(reinterpret_cast<__m256i>(a), reversed));
        } else {
            return PlainLogic<width>::reverse(a);
        }
    }
};

}  // namespace
}  // namespace ballast::image
