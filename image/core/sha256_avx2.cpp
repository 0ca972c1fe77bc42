// What the kernel's header includes must be compiled for every processor: it comes before the choice of the
// set.
#include <array>
#include <cstring>
#include <utility>

#include "image/core/sha256_kernels.hpp"

#pragma GCC push_options
#pragma GCC target("avx2")
#include "image/core/sha256_kernel.hpp"

namespace ballast::image {

void sha256_blocks_avx2(Sha256States& states, const std::byte* const* places, std::size_t blocks) noexcept {
    Sha256Rounds<PlainLogic<8>>::blocks(states, places, blocks);
}

}  // namespace ballast::image
#pragma GCC pop_options
