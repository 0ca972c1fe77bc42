// The last n values pushed, oldest first. Storage inside (FixedRing); pushing into a full ring forgets the
// oldest.
#pragma once

#include <array>
#include <cstdint>

#include "base/assert.hpp"

namespace ballast {

template <class T, std::size_t capacity_count>
class FixedRing {
  public:
    constexpr void push(const T& value) noexcept {
        items_[(first_ + size_) % capacity_count] = value;
        if (size_ < capacity_count) {
            ++size_;
        } else {
            first_ = static_cast<std::uint32_t>((first_ + 1) % capacity_count);
        }
    }
    // Index 0 is the oldest.
    constexpr const T& operator[](std::size_t index) const noexcept {
        BALLAST_ASSERT(index < size_);
        return items_[(first_ + index) % capacity_count];
    }
    // Age 0 is the newest.
    constexpr const T& newest(std::size_t age = 0) const noexcept {
        BALLAST_ASSERT(age < size_);
        return (*this)[size_ - 1 - age];
    }
    constexpr void clear() noexcept { first_ = size_ = 0; }
    constexpr std::size_t size() const noexcept { return size_; }
    constexpr bool empty() const noexcept { return size_ == 0; }
    static constexpr std::size_t capacity() noexcept { return capacity_count; }

  private:
    std::array<T, capacity_count> items_{};
    std::uint32_t first_ = 0;
    std::uint32_t size_ = 0;
};

}  // namespace ballast
