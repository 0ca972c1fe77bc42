// The vector operations of the AVX-512 kernel, over the few instructions that it takes. The instructions are
// a parameter: md5_avx512.cpp gives the processor's; the tests also give portable stand-ins, so that the
// constants and the transposition below are tested on machines without AVX-512, too.
#pragma once

#include "image/core/md5_kernel.hpp"

namespace ballast::image {
namespace {

template <class Isa>
struct Avx512Ops {
    using Word = typename Isa::Word;
    static constexpr std::size_t lanes = 16;

    BALLAST_INLINE static Word broadcast(std::uint32_t value) noexcept { return Isa::broadcast(value); }
    BALLAST_INLINE static Word load_words(const std::uint32_t* words) noexcept {
        return Isa::load(reinterpret_cast<const std::byte*>(words));
    }
    BALLAST_INLINE static Word add(Word a, Word b) noexcept { return Isa::add(a, b); }
    template <int bits>
    BALLAST_INLINE static Word rotate_left(Word a) noexcept {
        return Isa::template rotate_left<bits>(a);
    }
    // Truth tables: bit (4b + 2c + d) of the number is the result.
    BALLAST_INLINE static Word choose(Word b, Word c, Word d) noexcept {
        return Isa::template ternary<0xca>(b, c, d);
    }
    BALLAST_INLINE static Word add_choose_late(Word sum, Word b, Word c, Word d) noexcept {
        return Isa::add(sum, Isa::template ternary<0xe4>(b, c, d));
    }
    BALLAST_INLINE static Word parity(Word b, Word c, Word d) noexcept {
        return Isa::template ternary<0x96>(b, c, d);
    }
    BALLAST_INLINE static Word round_four(Word b, Word c, Word d) noexcept {
        return Isa::template ternary<0x39>(b, c, d);
    }

    // 16 lanes x 16 words: pairs, quads, then the four 128-bit quarters of each register.
    BALLAST_INLINE static void load_transposed(const std::byte* const* blocks, std::size_t offset,
                                               Word* words) noexcept {
        Word rows[16];
#pragma GCC unroll 16
        for (std::size_t lane = 0; lane < 16; ++lane) {
            rows[lane] = Isa::load(blocks[lane] + offset);
        }
        Word quads[16];  // quads[4 i + j]: word 4 q + j of lanes 4 i .. 4 i + 3, in quarter q
#pragma GCC unroll 4
        for (std::size_t i = 0; i < 4; ++i) {
            const Word low01 = Isa::unpack_low_32(rows[4 * i], rows[4 * i + 1]);
            const Word high01 = Isa::unpack_high_32(rows[4 * i], rows[4 * i + 1]);
            const Word low23 = Isa::unpack_low_32(rows[4 * i + 2], rows[4 * i + 3]);
            const Word high23 = Isa::unpack_high_32(rows[4 * i + 2], rows[4 * i + 3]);
            quads[4 * i + 0] = Isa::unpack_low_64(low01, low23);
            quads[4 * i + 1] = Isa::unpack_high_64(low01, low23);
            quads[4 * i + 2] = Isa::unpack_low_64(high01, high23);
            quads[4 * i + 3] = Isa::unpack_high_64(high01, high23);
        }
#pragma GCC unroll 4
        for (std::size_t j = 0; j < 4; ++j) {
            const Word even01 = Isa::template quarters<0x88>(quads[j], quads[4 + j]);  // q0 q2 | q0 q2
            const Word odd01 = Isa::template quarters<0xdd>(quads[j], quads[4 + j]);   // q1 q3 | q1 q3
            const Word even23 = Isa::template quarters<0x88>(quads[8 + j], quads[12 + j]);
            const Word odd23 = Isa::template quarters<0xdd>(quads[8 + j], quads[12 + j]);
            words[0 + j] = Isa::template quarters<0x88>(even01, even23);
            words[4 + j] = Isa::template quarters<0x88>(odd01, odd23);
            words[8 + j] = Isa::template quarters<0xdd>(even01, even23);
            words[12 + j] = Isa::template quarters<0xdd>(odd01, odd23);
        }
    }
};

}  // namespace
}  // namespace ballast::image
