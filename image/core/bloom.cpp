#include "image/core/bloom.hpp"

#include <bit>

#include "base/assert.hpp"

namespace ballast::image {
namespace {

// Any odd numbers without much structure: each picks one bit of its word from the lower half of the key.
constexpr std::array<std::uint32_t, 8> factors{0x9e3779b1, 0x85ebca77, 0xc2b2ae3d, 0x27d4eb2f,
                                               0x165667b1, 0xd3a2646d, 0xfd7046c5, 0xb55a4f09};

std::uint32_t mask_of(std::uint64_t key, std::size_t word) noexcept {
    return std::uint32_t{1} << ((static_cast<std::uint32_t>(key) * factors[word]) >> 27);
}

}  // namespace

BloomFilter::BloomFilter(std::span<BloomBlock> blocks) noexcept : blocks_{blocks} {
    BALLAST_ASSERT(!blocks.empty() && blocks.size() <= std::uint64_t{1} << 32);
}

void BloomFilter::add(std::uint64_t key) noexcept {
    BloomBlock& block = blocks_[block_of(key)];
    for (std::size_t i = 0; i < block.words.size(); ++i) {
        block.words[i] |= mask_of(key, i);
    }
}

bool BloomFilter::may_contain(std::uint64_t key) const noexcept {
    const BloomBlock& block = blocks_[block_of(key)];
    std::uint32_t missing = 0;
    for (std::size_t i = 0; i < block.words.size(); ++i) {
        missing |= ~block.words[i] & mask_of(key, i);
    }
    return missing == 0;
}

double BloomFilter::false_hit_rate() const noexcept {
    double sum = 0;
    for (const BloomBlock& block : blocks_) {
        double all_set = 1;
        for (const std::uint32_t word : block.words) {
            all_set *= static_cast<double>(std::popcount(word)) / 32;
        }
        sum += all_set;
    }
    return sum / static_cast<double>(blocks_.size());
}

}  // namespace ballast::image
