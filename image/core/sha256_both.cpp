// Half of the lanes by vectors, half by the processor's own instructions, at the same time: neither keeps all
// parts of the processor busy.
#include <immintrin.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

#include "image/core/sha256_kernels.hpp"

#pragma GCC push_options
#pragma GCC target("avx512f,avx512vl,sha")
#include "image/core/sha256_kernel.hpp"
#include "image/core/sha256_sha_rounds.hpp"
#include "image/core/sha256_ternary.hpp"

namespace ballast::image {
namespace {

using Vectors = Sha256Rounds<TernaryLogic<8>>;
using Words = Vectors::Word;
constexpr std::size_t vector_lanes = Vectors::lanes;
constexpr std::size_t own_lanes = sha256_lanes - vector_lanes;
// While the vectors take sixteen steps, so many of the other lanes take all of theirs.
constexpr std::size_t side_by_side = 2;
static_assert(own_lanes / side_by_side * 16 == 64);

// Written out in turns, so that the processor finds both within reach.
template <bool last, std::size_t... steps>
[[gnu::always_inline]] inline void sixteen_steps(Words (&v)[8], Words (&w)[16], const Sha256SpreadRoot* roots,
                                                 Halves* states, const std::byte* const* places,
                                                 std::size_t offset, std::index_sequence<steps...>) noexcept {
    Halves now[side_by_side] = {states[0], states[1]};
    __m128i messages[side_by_side][4];
    load_block(places[0] + offset, messages[0]);
    load_block(places[1] + offset, messages[1]);
    ((Vectors::one_step<steps, last>(v, w, roots), four_rounds<steps>(now[0], messages[0]),
      four_rounds<steps>(now[1], messages[1])),
     ...);
    add(states[0], now[0]);
    add(states[1], now[1]);
}

// The sixteen steps of this number.
template <bool last>
[[gnu::always_inline]] inline void part_of_block(std::size_t number, Words (&v)[8], Words (&w)[16],
                                                 Halves (&states)[own_lanes], const std::byte* const* places,
                                                 std::size_t offset) noexcept {
    const std::size_t first = number * side_by_side;
    sixteen_steps<last>(v, w, &sha256_roots_spread[number * 16], states + first,
                        places + vector_lanes + first, offset, std::make_index_sequence<16>{});
}

}  // namespace

void sha256_blocks_both(Sha256States& states, const std::byte* const* places, std::size_t blocks) noexcept {
    Words v[8];
    Halves own[own_lanes];
#pragma GCC unroll 8
    for (std::size_t i = 0; i < 8; ++i) {
        std::memcpy(&v[i], states.words[i].data(), sizeof v[i]);
    }
    for (std::size_t lane = 0; lane < own_lanes; ++lane) {
        own[lane] = take(states, vector_lanes + lane);
    }
    for (std::size_t offset = 0; offset < blocks * sha256_block_bytes; offset += sha256_block_bytes) {
        Words w[16];
        Vectors::load(places, offset, w);
        Words before[8];
#pragma GCC unroll 8
        for (std::size_t i = 0; i < 8; ++i) {
            before[i] = v[i];
        }
        // Not unrolled: the code of all of a block is more than the processor keeps decoded.
#pragma GCC unroll 1
        for (std::size_t number = 0; number < 3; ++number) {
            part_of_block<false>(number, v, w, own, places, offset);
        }
        part_of_block<true>(3, v, w, own, places, offset);
#pragma GCC unroll 8
        for (std::size_t i = 0; i < 8; ++i) {
            v[i] += before[i];
        }
    }
#pragma GCC unroll 8
    for (std::size_t i = 0; i < 8; ++i) {
        std::memcpy(states.words[i].data(), &v[i], sizeof v[i]);
    }
    for (std::size_t lane = 0; lane < own_lanes; ++lane) {
        put(own[lane], states, vector_lanes + lane);
    }
}

}  // namespace ballast::image
#pragma GCC pop_options
