// A lane of SHA-256 by the processor's own instructions. Included after the instruction set was chosen
// (#pragma GCC target), by the source files that use them; everything here has internal linkage.
#pragma once

#include <immintrin.h>

#include <array>
#include <cstddef>
#include <cstdint>

#include "image/core/sha256_kernels.hpp"

namespace ballast::image {
namespace {

// The instructions want the state as (a b e f) and (c d g h), a and c in the highest words.
struct Halves {
    __m128i abef;
    __m128i cdgh;
};

using WordNumbers = std::array<std::size_t, 4>;
constexpr WordNumbers feba{5, 4, 1, 0};
constexpr WordNumbers hgdc{7, 6, 3, 2};

[[gnu::always_inline]] inline __m128i take(const Sha256States& states, std::size_t lane,
                                           const WordNumbers& numbers) noexcept {
    alignas(16) std::array<std::uint32_t, 4> words;
    for (std::size_t i = 0; i < words.size(); ++i) {
        words[i] = states.words[numbers[i]][lane];
    }
    return _mm_load_si128(reinterpret_cast<const __m128i*>(words.data()));
}

[[gnu::always_inline]] inline Halves take(const Sha256States& states, std::size_t lane) noexcept {
    return {.abef = take(states, lane, feba), .cdgh = take(states, lane, hgdc)};
}

[[gnu::always_inline]] inline void put(__m128i vector, Sha256States& states, std::size_t lane,
                                       const WordNumbers& numbers) noexcept {
    alignas(16) std::array<std::uint32_t, 4> words;
    _mm_store_si128(reinterpret_cast<__m128i*>(words.data()), vector);
    for (std::size_t i = 0; i < words.size(); ++i) {
        states.words[numbers[i]][lane] = words[i];
    }
}

[[gnu::always_inline]] inline void put(const Halves& halves, Sha256States& states,
                                       std::size_t lane) noexcept {
    put(halves.abef, states, lane, feba);
    put(halves.cdgh, states, lane, hgdc);
}

[[gnu::always_inline]] inline void add(Halves& to, const Halves& other) noexcept {
    to.abef = _mm_add_epi32(to.abef, other.abef);
    to.cdgh = _mm_add_epi32(to.cdgh, other.cdgh);
}

// 64 bytes in words of the machine's order.
[[gnu::always_inline]] inline void load_block(const std::byte* from, __m128i (&message)[4]) noexcept {
    const __m128i swapped = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
#pragma GCC unroll 4
    for (std::size_t i = 0; i < 4; ++i) {
        message[i] =
            _mm_shuffle_epi8(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from + 16 * i)), swapped);
    }
}

// Four rounds, and the four words of the message that take the place of those just used.
template <std::size_t round>
[[gnu::always_inline]] inline void four_rounds(Halves& state, __m128i (&message)[4]) noexcept {
    constexpr std::size_t now = round % 4;
    constexpr std::size_t after = (round + 1) % 4;
    constexpr std::size_t then = (round + 2) % 4;
    constexpr std::size_t last = (round + 3) % 4;
    const __m128i roots = _mm_loadu_si128(reinterpret_cast<const __m128i*>(&sha256_roots[round * 4]));
    const __m128i sums = _mm_add_epi32(message[now], roots);
    state.cdgh = _mm_sha256rnds2_epu32(state.cdgh, state.abef, sums);
    state.abef = _mm_sha256rnds2_epu32(state.abef, state.cdgh, _mm_shuffle_epi32(sums, 0x0e));
    if constexpr (round < 12) {
        const __m128i seventh = _mm_alignr_epi8(message[last], message[then], 4);
        message[now] = _mm_sha256msg2_epu32(
            _mm_add_epi32(_mm_sha256msg1_epu32(message[now], message[after]), seventh), message[last]);
    }
}

}  // namespace
}  // namespace ballast::image
