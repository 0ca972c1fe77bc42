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
#include "image/core/sha256_ternary.hpp"

namespace ballast::image {
void sha256_blocks_avx512(Sha256States& states, const std::byte* const* places, std::size_t blocks) noexcept {
    Sha256Rounds<TernaryLogic<16>>::blocks(states, places, blocks);
}

}  // namespace ballast::image
#pragma GCC pop_options
