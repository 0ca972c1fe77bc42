// The MD5 rounds, written once for every vector width. Included after the instruction set was chosen
// (#pragma GCC target), by one source file a set; everything here has internal linkage, so that code for one
// set never stands in for another's.
//
// `Ops` supplies the vectors: Word (a vector of `lanes` 32-bit numbers), add, rotate_left<n>, the four round
// functions, broadcast, load_words (of aligned memory), and load_transposed, which turns 64 bytes of each
// lane into 16 vectors of words.
//
// Loops over vectors are unrolled by pragma: at -O2 the compiler otherwise keeps the arrays in memory, and a
// transposition that goes through memory three times costs a fifth of the whole.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

#include "image/core/md5_kernels.hpp"

namespace ballast::image {
namespace {

#define BALLAST_INLINE [[gnu::always_inline]] inline

constexpr std::array<int, 16> md5_rotations{7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21};
constexpr std::array<std::uint32_t, 4> md5_start{0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};

// Which of the 16 message words a step takes.
constexpr std::size_t md5_word(std::size_t step) {
    constexpr std::array<std::size_t, 4> factors{1, 5, 3, 7};
    constexpr std::array<std::size_t, 4> offsets{0, 1, 5, 0};
    return (step * factors[step / 16] + offsets[step / 16]) % 16;
}

// `groups` independent sets of lanes go through the rounds side by side: a step waits for the one before it,
// and the other groups fill that time.
template <class Ops, std::size_t groups>
struct Md5Lanes {
    using Word = typename Ops::Word;
    static constexpr std::size_t lanes = Ops::lanes * groups;
    struct State {
        Word words[4];
    };

    template <std::size_t step>
    BALLAST_INLINE static void one_step(Word (&v)[4], Word addend) noexcept {
        constexpr std::size_t a = (64 - step) % 4;
        constexpr std::size_t b = (65 - step) % 4;
        constexpr std::size_t c = (66 - step) % 4;
        constexpr std::size_t d = (67 - step) % 4;
        Word sum = Ops::add(v[a], addend);
        if constexpr (step < 16) {
            sum = Ops::add(sum, Ops::choose(v[b], v[c], v[d]));
        } else if constexpr (step < 32) {
            sum = Ops::add_choose_late(sum, v[b], v[c], v[d]);
        } else if constexpr (step < 48) {
            sum = Ops::add(sum, Ops::parity(v[b], v[c], v[d]));
        } else {
            sum = Ops::add(sum, Ops::round_four(v[b], v[c], v[d]));
        }
        constexpr int bits = md5_rotations[step / 16 * 4 + step % 4];
        v[a] = Ops::add(v[b], Ops::template rotate_left<bits>(sum));
    }

    template <std::size_t... steps>
    BALLAST_INLINE static void all_steps(State* states, const Word (*message)[16],
                                         std::index_sequence<steps...>) noexcept {
        const auto step_of_groups = [&]<std::size_t step>() __attribute__((always_inline)) {
#pragma GCC unroll 4
            for (std::size_t g = 0; g < groups; ++g) {
                one_step<step>(states[g].words,
                               Ops::add(message[g][md5_word(step)],
                                        Ops::load_words(md5_sines_spread[step].lanes.data())));
            }
        };
        (step_of_groups.template operator()<steps>(), ...);
    }
    // The padding is the same for every lane: its words are part of the constants.
    template <std::size_t... steps>
    BALLAST_INLINE static void padding_steps(State* states, std::uint32_t message_bits,
                                             std::index_sequence<steps...>) noexcept {
        const auto step_of_groups = [&]<std::size_t step>() __attribute__((always_inline)) {
            constexpr std::size_t word = md5_word(step);
            constexpr std::uint32_t fixed = word == 0 ? 0x80 : 0;
            const std::uint32_t addend = md5_sines[step] + fixed + (word == 14 ? message_bits : 0);
#pragma GCC unroll 4
            for (std::size_t g = 0; g < groups; ++g) {
                one_step<step>(states[g].words, Ops::broadcast(addend));
            }
        };
        (step_of_groups.template operator()<steps>(), ...);
    }

    BALLAST_INLINE static void add_states(State* states, const State* before) noexcept {
#pragma GCC unroll 4
        for (std::size_t g = 0; g < groups; ++g) {
#pragma GCC unroll 4
            for (std::size_t i = 0; i < 4; ++i) {
                states[g].words[i] = Ops::add(states[g].words[i], before[g].words[i]);
            }
        }
    }
    BALLAST_INLINE static void copy_states(State* to, const State* from) noexcept {
#pragma GCC unroll 4
        for (std::size_t g = 0; g < groups; ++g) {
            to[g] = from[g];
        }
    }

    static void store(const State* states, Md5Digest* digests) noexcept {
#pragma GCC unroll 4
        for (std::size_t g = 0; g < groups; ++g) {
            std::uint32_t words[4][Ops::lanes];
#pragma GCC unroll 4
            for (std::size_t i = 0; i < 4; ++i) {
                std::memcpy(words[i], &states[g].words[i], sizeof words[i]);
            }
            for (std::size_t lane = 0; lane < Ops::lanes; ++lane) {
#pragma GCC unroll 4
                for (std::size_t i = 0; i < 4; ++i) {
                    std::memcpy(digests[g * Ops::lanes + lane].data() + 4 * i, &words[i][lane], 4);
                }
            }
        }
    }

    // One block in each of the `lanes` lanes.
    static void hash(const std::byte* const* blocks, std::size_t block_bytes, Md5Digest* digests) noexcept {
        State states[groups];
        State before[groups];
#pragma GCC unroll 4
        for (std::size_t g = 0; g < groups; ++g) {
#pragma GCC unroll 4
            for (std::size_t i = 0; i < 4; ++i) {
                states[g].words[i] = Ops::broadcast(md5_start[i]);
            }
        }
        constexpr std::make_index_sequence<64> steps{};
        for (std::size_t offset = 0; offset < block_bytes; offset += 64) {
            alignas(64) Word message[groups][16];
#pragma GCC unroll 4
            for (std::size_t g = 0; g < groups; ++g) {
                Ops::load_transposed(blocks + g * Ops::lanes, offset, message[g]);
            }
            copy_states(before, states);
            all_steps(states, message, steps);
            add_states(states, before);
        }
        copy_states(before, states);
        padding_steps(states, static_cast<std::uint32_t>(block_bytes * 8), steps);
        add_states(states, before);
        store(states, digests);
    }
};

}  // namespace
}  // namespace ballast::image
