#include <immintrin.h>

// What the kernel's header includes must be compiled for every processor: it comes before the choice of the
// set.
#include <array>
#include <cstring>
#include <utility>

#include "image/core/sha256_kernels.hpp"

#pragma GCC push_options
#pragma GCC target("avx512f")
#include "image/core/sha256_kernel.hpp"

namespace ballast::image {
namespace {

// Truth tables: bit (4b + 2c + d) of the number is the result.
struct TernaryLogic {
    using Word = VectorOf<16>::Type;
    static constexpr std::size_t lanes = 16;
    template <int table>
    [[gnu::always_inline]] static Word ternary(Word b, Word c, Word d) noexcept {
        return reinterpret_cast<Word>(_mm512_ternarylogic_epi32(
            reinterpret_cast<__m512i>(b), reinterpret_cast<__m512i>(c), reinterpret_cast<__m512i>(d), table));
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
};

}  // namespace

void sha256_blocks_avx512(Sha256States& states, const std::byte* const* places, std::size_t blocks) noexcept {
    Sha256Rounds<TernaryLogic>::blocks(states, places, blocks);
}

}  // namespace ballast::image
#pragma GCC pop_options
