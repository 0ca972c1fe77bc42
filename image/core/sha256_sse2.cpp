#include "image/core/sha256_kernel.hpp"
#include "image/core/sha256_kernels.hpp"

namespace ballast::image {

void sha256_blocks_sse2(Sha256States& states, const std::byte* const* places, std::size_t blocks) noexcept {
    Sha256Rounds<PlainLogic<4>>::blocks(states, places, blocks);
}

}  // namespace ballast::image
