#include "image/core/sha256_lanes.hpp"

#include <cpuid.h>

#include "base/assert.hpp"
#include "image/core/sha256_kernels.hpp"

namespace ballast::image {
namespace {

// FIPS 180-4, 5.3.3.
constexpr std::array<std::uint32_t, 8> initial_words{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                                     0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

constexpr std::array<Sha256SpreadRoot, 64> spread_roots() noexcept {
    std::array<Sha256SpreadRoot, 64> spread{};
    for (std::size_t step = 0; step < spread.size(); ++step) {
        spread[step].lanes.fill(sha256_roots[step]);
    }
    return spread;
}

// The compiler's own list of names does not have them yet.
bool ask_for_sha_instructions() noexcept {
    unsigned a = 0;
    unsigned b = 0;
    unsigned c = 0;
    unsigned d = 0;
    constexpr unsigned extensions = 7;
    return __get_cpuid_count(extensions, 0, &a, &b, &c, &d) != 0 && (b & bit_SHA) != 0 &&
           __builtin_cpu_supports("avx") != 0;
}

// Asked once: in a guest each question goes to the hypervisor.
bool has_sha_instructions() noexcept {
    static const bool has = ask_for_sha_instructions();
    return has;
}

// Where it was measured: other makers' processors pay for a change between instructions of 128 bits and wider
// ones.
bool pays(Sha256Kernel kernel) noexcept {
    return kernel != Sha256Kernel::both || __builtin_cpu_is("amd") != 0;
}

}  // namespace

constinit const std::array<Sha256SpreadRoot, 64> sha256_roots_spread = spread_roots();

Sha256States sha256_start() noexcept {
    Sha256States states;
    for (std::size_t i = 0; i < initial_words.size(); ++i) {
        states.words[i].fill(initial_words[i]);
    }
    return states;
}

std::string_view to_string(Sha256Kernel kernel) noexcept {
    switch (kernel) {
        case Sha256Kernel::sse2: return "sse2";
        case Sha256Kernel::avx2: return "avx2";
        case Sha256Kernel::avx512: return "avx512";
        case Sha256Kernel::sha: return "sha";
        case Sha256Kernel::both: return "both";
    }
    return "unknown";
}

bool can_run(Sha256Kernel kernel) noexcept {
    switch (kernel) {
        case Sha256Kernel::sse2: return true;
        case Sha256Kernel::avx2: return __builtin_cpu_supports("avx2") != 0;
        case Sha256Kernel::avx512: return __builtin_cpu_supports("avx512f") != 0;
        case Sha256Kernel::sha: return has_sha_instructions();
        case Sha256Kernel::both:
            return __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512vl") != 0 &&
                   has_sha_instructions();
    }
    return false;
}

Sha256Kernel best_sha256_kernel() noexcept {
    for (std::size_t i = sha256_kernels.size(); i-- > 0;) {
        if (can_run(sha256_kernels[i]) && pays(sha256_kernels[i])) {
            return sha256_kernels[i];
        }
    }
    return Sha256Kernel::sse2;
}

void sha256_blocks(Sha256Kernel kernel, Sha256States& states, const Sha256Places& places,
                   std::size_t blocks) noexcept {
    BALLAST_ASSERT(can_run(kernel));
    switch (kernel) {
        case Sha256Kernel::sse2: return sha256_blocks_sse2(states, places.data(), blocks);
        case Sha256Kernel::avx2: return sha256_blocks_avx2(states, places.data(), blocks);
        case Sha256Kernel::avx512: return sha256_blocks_avx512(states, places.data(), blocks);
        case Sha256Kernel::sha: return sha256_blocks_sha(states, places.data(), blocks);
        case Sha256Kernel::both: return sha256_blocks_both(states, places.data(), blocks);
    }
}

}  // namespace ballast::image
