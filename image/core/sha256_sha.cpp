#include <immintrin.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "image/core/sha256_kernels.hpp"

#pragma GCC push_options
#pragma GCC target("sha,avx")
#include "image/core/sha256_sha_rounds.hpp"

namespace ballast::image {
namespace {

// A step of the processor's own instructions waits for the one before as long as it takes itself: two lanes
// side by side take the time of one, more than two take longer.
constexpr std::size_t side_by_side = 2;

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
    for (std::size_t first = 0; first < sha256_lanes; first += side_by_side) {
        Halves now[side_by_side];
#pragma GCC unroll 2
        for (std::size_t lane = 0; lane < side_by_side; ++lane) {
            now[lane] = take(states, first + lane);
        }
        for (std::size_t offset = 0; offset < blocks * sha256_block_bytes; offset += sha256_block_bytes) {
            __m128i messages[side_by_side][4];
            Halves before[side_by_side];
#pragma GCC unroll 2
            for (std::size_t lane = 0; lane < side_by_side; ++lane) {
                before[lane] = now[lane];
                load_block(places[first + lane] + offset, messages[lane]);
            }
            all_rounds(now, messages, std::make_index_sequence<16>{});
#pragma GCC unroll 2
            for (std::size_t lane = 0; lane < side_by_side; ++lane) {
                add(now[lane], before[lane]);
            }
        }
#pragma GCC unroll 2
        for (std::size_t lane = 0; lane < side_by_side; ++lane) {
            put(now[lane], states, first + lane);
        }
    }
}

}  // namespace ballast::image
#pragma GCC pop_options
