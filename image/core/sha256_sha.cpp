#include <immintrin.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "image/core/sha256_kernels.hpp"

#pragma GCC push_options
#pragma GCC target("sha,avx")

namespace ballast::image {
namespace {

// A step of the processor's own instructions waits for the one before as long as it takes itself: two lanes
// side by side take the time of one, more than two take longer.
constexpr std::size_t side_by_side = 2;

// The instructions want the state as (a b e f) and (c d g h), a and c in the highest words.
struct Halves {
    __m128i abef;
    __m128i cdgh;
};

std::uint32_t& word(Sha256States& states, std::size_t number, std::size_t lane) noexcept {
    return states.words[number][lane];
}

__m128i take(Sha256States& states, std::size_t lane, const std::array<std::size_t, 4>& numbers) noexcept {
    alignas(16) std::array<std::uint32_t, 4> words;
    for (std::size_t i = 0; i < words.size(); ++i) {
        words[i] = word(states, numbers[i], lane);
    }
    return _mm_load_si128(reinterpret_cast<const __m128i*>(words.data()));
}

void put(__m128i vector, Sha256States& states, std::size_t lane,
         const std::array<std::size_t, 4>& numbers) noexcept {
    alignas(16) std::array<std::uint32_t, 4> words;
    _mm_store_si128(reinterpret_cast<__m128i*>(words.data()), vector);
    for (std::size_t i = 0; i < words.size(); ++i) {
        word(states, numbers[i], lane) = words[i];
    }
}

constexpr std::array<std::size_t, 4> feba{5, 4, 1, 0};
constexpr std::array<std::size_t, 4> hgdc{7, 6, 3, 2};

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

template <std::size_t... rounds>
[[gnu::always_inline]] inline void all_rounds(Halves (&states)[side_by_side],
                                              __m128i (&messages)[side_by_side][4],
                                              std::index_sequence<rounds...>) noexcept {
    const auto rounds_of_lanes = [&]<std::size_t round>() __attribute__((always_inline)) {
#pragma GCC unroll 2
        for (std::size_t lane = 0; lane < side_by_side; ++lane) {
            four_rounds<round>(states[lane], messages[lane]);
        }
    };
    (rounds_of_lanes.template operator()<rounds>(), ...);
}

}  // namespace

void sha256_blocks_sha(Sha256States& states, const std::byte* const* places, std::size_t blocks) noexcept {
    const __m128i swapped = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
    for (std::size_t first = 0; first < sha256_lanes; first += side_by_side) {
        Halves now[side_by_side];
#pragma GCC unroll 2
        for (std::size_t lane = 0; lane < side_by_side; ++lane) {
            now[lane] = {.abef = take(states, first + lane, feba), .cdgh = take(states, first + lane, hgdc)};
        }
        for (std::size_t offset = 0; offset < blocks * sha256_block_bytes; offset += sha256_block_bytes) {
            __m128i messages[side_by_side][4];
            Halves before[side_by_side];
#pragma GCC unroll 2
            for (std::size_t lane = 0; lane < side_by_side; ++lane) {
                before[lane] = now[lane];
#pragma GCC unroll 4
                for (std::size_t i = 0; i < 4; ++i) {
                    const auto* from =
                        reinterpret_cast<const __m128i*>(places[first + lane] + offset + 16 * i);
                    messages[lane][i] = _mm_shuffle_epi8(_mm_loadu_si128(from), swapped);
                }
            }
            all_rounds(now, messages, std::make_index_sequence<16>{});
#pragma GCC unroll 2
            for (std::size_t lane = 0; lane < side_by_side; ++lane) {
                now[lane].abef = _mm_add_epi32(now[lane].abef, before[lane].abef);
                now[lane].cdgh = _mm_add_epi32(now[lane].cdgh, before[lane].cdgh);
            }
        }
#pragma GCC unroll 2
        for (std::size_t lane = 0; lane < side_by_side; ++lane) {
            put(now[lane].abef, states, first + lane, feba);
            put(now[lane].cdgh, states, first + lane, hgdc);
        }
    }
}

}  // namespace ballast::image
#pragma GCC pop_options
