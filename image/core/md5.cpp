#include "image/core/md5.hpp"

#include <algorithm>

#include "base/assert.hpp"
#include "image/core/md5_kernels.hpp"

namespace ballast::image {
namespace {

constexpr std::array<Md5SpreadSine, 64> spread_sines() noexcept {
    std::array<Md5SpreadSine, 64> spread{};
    for (std::size_t step = 0; step < spread.size(); ++step) {
        spread[step].lanes.fill(md5_sines[step]);
    }
    return spread;
}

struct Row {
    std::size_t lanes;
    void (*hash)(const std::byte* const*, std::size_t, Md5Digest*) noexcept;
};

Row row_of(Md5Kernel kernel) noexcept {
    switch (kernel) {
        case Md5Kernel::sse2: return {md5_lanes_sse2, md5_hash_sse2};
        case Md5Kernel::avx2: return {md5_lanes_avx2, md5_hash_avx2};
        case Md5Kernel::avx512: return {md5_lanes_avx512, md5_hash_avx512};
    }
    return {md5_lanes_sse2, md5_hash_sse2};
}
static_assert(md5_lanes_max >= std::max({md5_lanes_sse2, md5_lanes_avx2, md5_lanes_avx512}));

}  // namespace

constinit const std::array<Md5SpreadSine, 64> md5_sines_spread = spread_sines();

std::string_view to_string(Md5Kernel kernel) noexcept {
    switch (kernel) {
        case Md5Kernel::sse2: return "sse2";
        case Md5Kernel::avx2: return "avx2";
        case Md5Kernel::avx512: return "avx512";
    }
    return "unknown";
}

bool can_run(Md5Kernel kernel) noexcept {
    switch (kernel) {
        case Md5Kernel::sse2: return true;
        case Md5Kernel::avx2: return __builtin_cpu_supports("avx2") != 0;
        case Md5Kernel::avx512: return __builtin_cpu_supports("avx512f") != 0;
    }
    return false;
}

Md5Kernel best_md5_kernel() noexcept {
    for (std::size_t i = md5_kernels.size(); i-- > 0;) {
        if (can_run(md5_kernels[i])) {
            return md5_kernels[i];
        }
    }
    return Md5Kernel::sse2;
}

void md5_blocks(Md5Kernel kernel, std::span<const std::byte* const> blocks, std::size_t block_bytes,
                std::span<Md5Digest> digests) noexcept {
    BALLAST_ASSERT(can_run(kernel) && block_bytes > 0 && block_bytes % 64 == 0);
    BALLAST_ASSERT(blocks.size() == digests.size());
    const Row row = row_of(kernel);
    std::size_t done = 0;
    for (; done + row.lanes <= blocks.size(); done += row.lanes) {
        row.hash(blocks.data() + done, block_bytes, digests.data() + done);
    }
    const std::size_t rest = blocks.size() - done;
    if (rest > 0) {
        // Lanes without a block of their own repeat one; nobody looks at what comes out of them.
        std::array<const std::byte*, md5_lanes_max> lanes;
        std::array<Md5Digest, md5_lanes_max> results;
        lanes.fill(blocks[done]);
        std::copy_n(blocks.data() + done, rest, lanes.data());
        row.hash(lanes.data(), block_bytes, results.data());
        std::copy_n(results.data(), rest, digests.data() + done);
    }
}

}  // namespace ballast::image
