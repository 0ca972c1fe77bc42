// The rounds of SHA-256, written once for every vector width in the compiler's own vectors. Included after
// the instruction set was chosen (#pragma GCC target), by one source file a set; everything here has internal
// linkage, so that code for one set never stands in for another's. Loops are unrolled by pragma for the
// reason that md5_kernel.hpp gives.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

#include "image/core/sha256_kernels.hpp"

namespace ballast::image {
namespace {

template <std::size_t lanes>
struct VectorOf;
template <>
struct VectorOf<4> {
    using Type = std::uint32_t __attribute__((vector_size(16)));
};
template <>
struct VectorOf<8> {
    using Type = std::uint32_t __attribute__((vector_size(32)));
};
template <>
struct VectorOf<16> {
    using Type = std::uint32_t __attribute__((vector_size(64)));
};

template <int bits, class Word>
[[gnu::always_inline]] inline Word rotate(Word a) noexcept {
    return (a >> bits) | (a << (32 - bits));
}

// What a set may have an instruction for.
template <std::size_t width>
struct PlainLogic {
    using Word = typename VectorOf<width>::Type;
    static constexpr std::size_t lanes = width;
    [[gnu::always_inline]] static Word choose(Word b, Word c, Word d) noexcept { return d ^ (b & (c ^ d)); }
    [[gnu::always_inline]] static Word majority(Word b, Word c, Word d) noexcept {
        return (b & c) | (d & (b | c));
    }
    [[gnu::always_inline]] static Word parity(Word b, Word c, Word d) noexcept { return b ^ c ^ d; }
    // The bytes of each element.
    [[gnu::always_inline]] static Word reverse(Word a) noexcept {
        const Word outer = Word{} + 0xff00ff00U;
        return (rotate<8>(a) & outer) | (rotate<24>(a) & ~outer);
    }
};

template <class Logic>
struct Sha256Rounds {
    using Word = typename Logic::Word;
    static constexpr std::size_t lanes = Logic::lanes;

    // Elements of a and b by a function of their place: whether from b, and from where.
    template <class Choose, std::size_t... i>
    [[gnu::always_inline]] static Word shuffle(Word a, Word b, Choose choose,
                                               std::index_sequence<i...>) noexcept {
        return __builtin_shufflevector(a, b,
                                       static_cast<int>(choose(std::integral_constant<std::size_t, i>{}))...);
    }
    static constexpr std::make_index_sequence<lanes> each{};
    // Within each quarter of four words: x0 y0 x1 y1, or x2 y2 x3 y3.
    template <std::size_t half>
    struct Zip {
        template <std::size_t i>
        constexpr std::size_t operator()(std::integral_constant<std::size_t, i>) const noexcept {
            return i / 4 * 4 + half * 2 + i % 4 / 2 + i % 2 * lanes;
        }
    };
    // x0 x1 y0 y1, or x2 x3 y2 y3.
    template <std::size_t half>
    struct Pairs {
        template <std::size_t i>
        constexpr std::size_t operator()(std::integral_constant<std::size_t, i>) const noexcept {
            return i / 4 * 4 + half * 2 + i % 2 + i % 4 / 2 * lanes;
        }
    };
    // Quarters of a with even (or odd) numbers, then those of b.
    template <std::size_t odd>
    struct Quarters {
        template <std::size_t i>
        constexpr std::size_t operator()(std::integral_constant<std::size_t, i>) const noexcept {
            constexpr std::size_t quarter = i / 4;
            constexpr std::size_t of_each = lanes / 8 == 0 ? 1 : lanes / 8;
            return (quarter % of_each * 2 + odd) * 4 + i % 4 + quarter / of_each * lanes;
        }
    };
    template <class Choose>
    [[gnu::always_inline]] static Word mix(Word a, Word b) noexcept {
        return shuffle(a, b, Choose{}, each);
    }

    // `lanes` words of each lane into as many vectors.
    [[gnu::always_inline]] static void transpose(const Word* rows, Word* words) noexcept {
        Word quads[lanes];  // quads[4 i + j]: word 4 q + j of lanes 4 i .. 4 i + 3, in quarter q
#pragma GCC unroll 4
        for (std::size_t i = 0; i < lanes; i += 4) {
            const Word low01 = mix<Zip<0>>(rows[i], rows[i + 1]);
            const Word high01 = mix<Zip<1>>(rows[i], rows[i + 1]);
            const Word low23 = mix<Zip<0>>(rows[i + 2], rows[i + 3]);
            const Word high23 = mix<Zip<1>>(rows[i + 2], rows[i + 3]);
            quads[i + 0] = mix<Pairs<0>>(low01, low23);
            quads[i + 1] = mix<Pairs<1>>(low01, low23);
            quads[i + 2] = mix<Pairs<0>>(high01, high23);
            quads[i + 3] = mix<Pairs<1>>(high01, high23);
        }
#pragma GCC unroll 4
        for (std::size_t j = 0; j < 4; ++j) {
            if constexpr (lanes == 4) {
                words[j] = quads[j];
            } else if constexpr (lanes == 8) {
                words[j] = mix<Quarters<0>>(quads[j], quads[4 + j]);
                words[4 + j] = mix<Quarters<1>>(quads[j], quads[4 + j]);
            } else {
                const Word even01 = mix<Quarters<0>>(quads[j], quads[4 + j]);
                const Word odd01 = mix<Quarters<1>>(quads[j], quads[4 + j]);
                const Word even23 = mix<Quarters<0>>(quads[8 + j], quads[12 + j]);
                const Word odd23 = mix<Quarters<1>>(quads[8 + j], quads[12 + j]);
                words[j] = mix<Quarters<0>>(even01, even23);
                words[4 + j] = mix<Quarters<0>>(odd01, odd23);
                words[8 + j] = mix<Quarters<1>>(even01, even23);
                words[12 + j] = mix<Quarters<1>>(odd01, odd23);
            }
        }
    }

    // 64 bytes of each lane, in words of the machine's order.
    [[gnu::always_inline]] static void load(const std::byte* const* places, std::size_t offset,
                                            Word* words) noexcept {
#pragma GCC unroll 4
        for (std::size_t part = 0; part < 16 / lanes; ++part) {
            Word rows[lanes];
#pragma GCC unroll 16
            for (std::size_t lane = 0; lane < lanes; ++lane) {
                std::memcpy(&rows[lane], places[lane] + offset + part * sizeof(Word), sizeof(Word));
            }
            transpose(rows, words + part * lanes);
        }
#pragma GCC unroll 16
        for (std::size_t i = 0; i < 16; ++i) {
            words[i] = Logic::reverse(words[i]);
        }
    }

    // Step `step` of any sixteen, whose roots begin at `roots`. Unless they are the last, the word of the
    // message that it has used makes room for that of the sixteenth step after it.
    template <std::size_t step, bool last>
    [[gnu::always_inline]] static void one_step(Word (&v)[8], Word (&w)[16],
                                                const Sha256SpreadRoot* roots) noexcept {
        constexpr auto at = [](std::size_t name) { return (name + 16 - step) % 8; };
        Word root;
        std::memcpy(&root, roots[step].lanes.data(), sizeof root);
        const Word a = v[at(0)];
        const Word e = v[at(4)];
        const Word first = (v[at(7)] + (w[step] + root)) + Logic::choose(e, v[at(5)], v[at(6)]) +
                           Logic::parity(rotate<6>(e), rotate<11>(e), rotate<25>(e));
        v[at(3)] += first;
        v[at(7)] = (first + Logic::majority(a, v[at(1)], v[at(2)])) +
                   Logic::parity(rotate<2>(a), rotate<13>(a), rotate<22>(a));
        if constexpr (!last) {
            const Word second = w[(step + 1) % 16];
            const Word fifteenth = w[(step + 14) % 16];
            w[step] +=
                Logic::parity(rotate<17>(fifteenth), rotate<19>(fifteenth), fifteenth >> 10) +
                (w[(step + 9) % 16] + Logic::parity(rotate<7>(second), rotate<18>(second), second >> 3));
        }
    }
    template <std::size_t... steps>
    [[gnu::always_inline]] static void all_steps(Word (&v)[8], Word (&w)[16],
                                                 std::index_sequence<steps...>) noexcept {
        (one_step<steps % 16, (steps >= 48)>(v, w, &sha256_roots_spread[steps / 16 * 16]), ...);
    }

    static void blocks(Sha256States& states, const std::byte* const* places, std::size_t count) noexcept {
        for (std::size_t first = 0; first < sha256_lanes; first += lanes) {
            Word v[8];
#pragma GCC unroll 8
            for (std::size_t i = 0; i < 8; ++i) {
                std::memcpy(&v[i], &states.words[i][first], sizeof v[i]);
            }
            for (std::size_t block = 0; block < count; ++block) {
                Word w[16];
                load(places + first, block * sha256_block_bytes, w);
                Word before[8];
#pragma GCC unroll 8
                for (std::size_t i = 0; i < 8; ++i) {
                    before[i] = v[i];
                }
                all_steps(v, w, std::make_index_sequence<64>{});
#pragma GCC unroll 8
                for (std::size_t i = 0; i < 8; ++i) {
                    v[i] += before[i];
                }
            }
#pragma GCC unroll 8
            for (std::size_t i = 0; i < 8; ++i) {
                std::memcpy(&states.words[i][first], &v[i], sizeof v[i]);
            }
        }
    }
};

}  // namespace
}  // namespace ballast::image
