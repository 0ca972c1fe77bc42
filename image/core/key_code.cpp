#include "image/core/key_code.hpp"

#include <algorithm>
#include <bit>

#include "base/assert.hpp"

namespace ballast::image {
namespace {

// A longer quotient stands for a difference that is written out: digests differ so much once in e^64 keys,
// keys that somebody chose may do so always.
constexpr std::uint64_t unary_max = 64;
static_assert(batch_keys_max * (unary_max + 64) / 8 <= batch_bytes_max);
constexpr unsigned safety_bits = 6;

}  // namespace

void BitWriter::put(std::uint64_t bits, unsigned count) noexcept {
    BALLAST_ASSERT(count <= 56);
    held_ |= (bits & ((std::uint64_t{1} << count) - 1)) << held_count_;
    held_count_ += count;
    while (held_count_ >= 8) {
        if (used_ == into_.size()) {
            ok_ = false;
            held_count_ = 0;
            held_ = 0;
            return;
        }
        into_[used_++] = static_cast<std::byte>(held_ & 0xff);
        held_ >>= 8;
        held_count_ -= 8;
    }
}

std::size_t BitWriter::finish() noexcept {
    if (held_count_ > 0) {
        put(0, 8 - held_count_);
    }
    return used_;
}

std::uint64_t BitReader::get(unsigned count) noexcept {
    BALLAST_ASSERT(count <= 56);
    while (held_count_ < count) {
        if (used_ == from_.size()) {
            ok_ = false;
            return 0;
        }
        held_ |= std::to_integer<std::uint64_t>(from_[used_++]) << held_count_;
        held_count_ += 8;
    }
    const std::uint64_t bits = held_ & ((std::uint64_t{1} << count) - 1);
    held_ >>= count;
    held_count_ -= count;
    return bits;
}

KeyCode key_code_for(std::uint64_t keys, std::uint64_t among) noexcept {
    const auto width = static_cast<unsigned>(std::bit_width(keys) + std::bit_width(among)) + safety_bits;
    const unsigned bits = std::clamp(width, key_bits_min, 64U);
    const auto count_bits = static_cast<unsigned>(std::bit_width(std::max<std::uint64_t>(keys, 1)) - 1);
    return {.key_bits = bits,
            .rice_bits = std::min(bits > count_bits ? bits - count_bits : 0, rice_bits_max)};
}

std::size_t encode_keys(const KeyCode& code, std::uint64_t previous, std::span<const std::uint64_t> cut_keys,
                        std::span<std::byte> out) noexcept {
    BALLAST_ASSERT(cut_keys.size() <= batch_keys_max && out.size() >= batch_bytes_max);
    BitWriter bits{out};
    for (const std::uint64_t key : cut_keys) {
        BALLAST_ASSERT(key >= previous);
        const std::uint64_t difference = key - previous;
        const std::uint64_t quotient = difference >> code.rice_bits;
        for (std::uint64_t i = 0; i < std::min<std::uint64_t>(quotient, unary_max); ++i) {
            bits.put(1, 1);
        }
        if (quotient < unary_max) {
            bits.put(0, 1);
            bits.put(difference, code.rice_bits);
        } else {
            bits.put(difference, 32);
            bits.put(difference >> 32, 32);
        }
        previous = key;
    }
    const std::size_t bytes = bits.finish();
    BALLAST_ASSERT(bits.ok());
    return bytes;
}

Status decode_keys(const KeyCode& code, std::uint64_t previous, std::span<const std::byte> bytes,
                   std::span<std::uint64_t> out) noexcept {
    BitReader bits{bytes};
    const std::uint64_t greatest = ~std::uint64_t{0} >> (64 - code.key_bits);
    if (previous > greatest) {
        return Err{Fault::protocol_violation};
    }
    for (std::uint64_t& key : out) {
        std::uint64_t quotient = 0;
        while (quotient < unary_max && bits.get(1) == 1) {
            ++quotient;
        }
        std::uint64_t difference = 0;
        if (quotient < unary_max) {
            difference = quotient << code.rice_bits | bits.get(code.rice_bits);
            if (difference >> code.rice_bits != quotient) {
                return Err{Fault::protocol_violation};
            }
        } else {
            difference = bits.get(32);
            difference |= bits.get(32) << 32;
        }
        if (!bits.ok() || difference > greatest - previous) {
            return Err{Fault::protocol_violation};
        }
        previous += difference;
        key = previous;
    }
    return {};
}

}  // namespace ballast::image
