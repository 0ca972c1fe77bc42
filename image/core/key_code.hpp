// Keys and matches on the wire. Sorted keys of a digest differ by about 2^bits / count: a Rice code of the
// differences takes some 24 bits for a key of 40 where a plain list would take 40.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/result.hpp"

namespace ballast::image {

// Bits from the low end of each byte upwards.
class BitWriter {
  public:
    explicit BitWriter(std::span<std::byte> into) noexcept : into_{into} {}
    // REQUIRES: count <= 56. Writing past the end makes ok() false for good.
    void put(std::uint64_t bits, unsigned count) noexcept;
    // The whole bytes so far, the last one filled up with zeros.
    std::size_t finish() noexcept;
    bool ok() const noexcept { return ok_; }

  private:
    std::span<std::byte> into_;
    std::size_t used_ = 0;
    std::uint64_t held_ = 0;
    unsigned held_count_ = 0;
    bool ok_ = true;
};

class BitReader {
  public:
    explicit BitReader(std::span<const std::byte> from) noexcept : from_{from} {}
    // REQUIRES: count <= 56. Zeros, and ok() false for good, past the end.
    std::uint64_t get(unsigned count) noexcept;
    bool ok() const noexcept { return ok_; }

  private:
    std::span<const std::byte> from_;
    std::size_t used_ = 0;
    std::uint64_t held_ = 0;
    unsigned held_count_ = 0;
    bool ok_ = true;
};

// How the keys of one pass are cut: their upper `key_bits` bits, and the low `rice_bits` of each difference
// as they are, the rest in unary.
struct KeyCode {
    unsigned key_bits = 64;
    unsigned rice_bits = 56;
    friend constexpr bool operator==(const KeyCode&, const KeyCode&) noexcept = default;
};
inline constexpr unsigned key_bits_min = 16;
inline constexpr unsigned rice_bits_max = 56;

// For so many keys that are looked for among so many: long enough that a false hit is rarer than 1 in 64
// whole passes.
KeyCode key_code_for(std::uint64_t keys, std::uint64_t among) noexcept;
constexpr bool valid(const KeyCode& code) noexcept {
    return code.key_bits >= key_bits_min && code.key_bits <= 64 && code.rice_bits <= rice_bits_max;
}
constexpr std::uint64_t cut_key(const KeyCode& code, std::uint64_t key) noexcept {
    return key >> (64 - code.key_bits);
}

inline constexpr std::size_t batch_keys_max = 4096;
// A batch of that many keys is never longer.
inline constexpr std::size_t batch_bytes_max = 64 * 1024;

// Writes cut keys, ascending and none below `previous`, as their differences; returns the bytes used.
// REQUIRES: at most batch_keys_max keys, out.size() >= batch_bytes_max.
std::size_t encode_keys(const KeyCode& code, std::uint64_t previous, std::span<const std::uint64_t> cut_keys,
                        std::span<std::byte> out) noexcept;

// Reads exactly `out.size()` cut keys. `protocol_violation` when the bytes do not hold them or a key has more
// bits than it may.
Status decode_keys(const KeyCode& code, std::uint64_t previous, std::span<const std::byte> bytes,
                   std::span<std::uint64_t> out) noexcept;

}  // namespace ballast::image
