// A Bloom filter of an image's keys, as Memory Buddies exchanges them between hosts: no locations, and a few
// false hits, but an eighth of the bytes of a list of keys. Split in blocks of 256 bits (Putze, Sanders,
// Singler 2007), so that a question touches one line of the cache.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace ballast::image {

struct BloomBlock {
    std::array<std::uint32_t, 8> words{};
};

inline constexpr std::size_t bloom_bits_per_key = 12;

// Blocks that a filter for so many keys should have.
constexpr std::size_t bloom_blocks_for(std::uint64_t keys) noexcept {
    return static_cast<std::size_t>(keys * bloom_bits_per_key / 256 + 1);
}

// Works on memory of the caller, all zero at first, that must outlive it. REQUIRES: at least one block, at
// most 2^32.
class BloomFilter {
  public:
    explicit BloomFilter(std::span<BloomBlock> blocks) noexcept;
    void add(std::uint64_t key) noexcept;
    bool may_contain(std::uint64_t key) const noexcept;
    // The probability that a key that was not added is taken for one that was: from the bits as they are.
    double false_hit_rate() const noexcept;

  private:
    std::size_t block_of(std::uint64_t key) const noexcept {
        return static_cast<std::size_t>(((key >> 32) * blocks_.size()) >> 32);
    }
    std::span<BloomBlock> blocks_;
};

}  // namespace ballast::image
