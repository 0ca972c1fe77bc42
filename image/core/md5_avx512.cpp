#include <immintrin.h>

// What the kernel's header includes must be compiled for every processor: it comes before the choice of the
// set.
#include <array>
#include <cstring>
#include <utility>

#include "image/core/md5_kernels.hpp"

#pragma GCC push_options
// GCC's own header begins some instructions from a deliberately undefined register.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC target("avx512f")
#include "image/core/md5_kernel.hpp"
#include "image/core/md5_ops_avx512.hpp"

namespace ballast::image {
namespace {

struct Processor {
    using Word = __m512i;
    BALLAST_INLINE static Word load(const std::byte* from) noexcept { return _mm512_loadu_si512(from); }
    BALLAST_INLINE static Word broadcast(std::uint32_t value) noexcept {
        return _mm512_set1_epi32(static_cast<int>(value));
    }
    BALLAST_INLINE static Word add(Word a, Word b) noexcept { return _mm512_add_epi32(a, b); }
    template <int bits>
    BALLAST_INLINE static Word rotate_left(Word a) noexcept {
        return _mm512_rol_epi32(a, bits);
    }
    template <int table>
    BALLAST_INLINE static Word ternary(Word a, Word b, Word c) noexcept {
        return _mm512_ternarylogic_epi32(a, b, c, table);
    }
    BALLAST_INLINE static Word unpack_low_32(Word a, Word b) noexcept { return _mm512_unpacklo_epi32(a, b); }
    BALLAST_INLINE static Word unpack_high_32(Word a, Word b) noexcept { return _mm512_unpackhi_epi32(a, b); }
    BALLAST_INLINE static Word unpack_low_64(Word a, Word b) noexcept { return _mm512_unpacklo_epi64(a, b); }
    BALLAST_INLINE static Word unpack_high_64(Word a, Word b) noexcept { return _mm512_unpackhi_epi64(a, b); }
    template <int selection>
    BALLAST_INLINE static Word quarters(Word a, Word b) noexcept {
        return _mm512_shuffle_i32x4(a, b, selection);
    }
};

using Kernel = Md5Lanes<Avx512Ops<Processor>, 3>;
static_assert(Kernel::lanes == md5_lanes_avx512);

}  // namespace

void md5_hash_avx512(const std::byte* const* blocks, std::size_t block_bytes, Md5Digest* digests) noexcept {
    Kernel::hash(blocks, block_bytes, digests);
}

}  // namespace ballast::image
#pragma GCC pop_options
