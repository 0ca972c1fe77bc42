// A vector of bounded length whose elements lie inside it: no heap, trivially copyable when T is.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <type_traits>

#include "base/assert.hpp"

namespace ballast {

template <class T, std::size_t capacity_count>
class FixedVector {
    static_assert(std::is_trivially_copyable_v<T>);

  public:
    [[nodiscard]] constexpr bool try_push(const T& value) noexcept {
        if (size_ == capacity_count) {
            return false;
        }
        items_[size_++] = value;
        return true;
    }
    // REQUIRES: !full(). For callers whose bound is proven elsewhere.
    constexpr T& push(const T& value) noexcept {
        BALLAST_ASSERT(size_ < capacity_count);
        items_[size_] = value;
        return items_[size_++];
    }
    constexpr void clear() noexcept { size_ = 0; }
    constexpr void resize_down(std::size_t size) noexcept {
        BALLAST_ASSERT(size <= size_);
        size_ = static_cast<std::uint32_t>(size);
    }
    // Removes one element; the last one takes its place.
    constexpr void remove_unordered(std::size_t index) noexcept {
        BALLAST_ASSERT(index < size_);
        items_[index] = items_[--size_];
    }
    constexpr void remove_ordered(std::size_t index) noexcept {
        BALLAST_ASSERT(index < size_);
        for (std::size_t i = index + 1; i < size_; ++i) {
            items_[i - 1] = items_[i];
        }
        --size_;
    }

    constexpr T& operator[](std::size_t index) noexcept {
        BALLAST_ASSERT(index < size_);
        return items_[index];
    }
    constexpr const T& operator[](std::size_t index) const noexcept {
        BALLAST_ASSERT(index < size_);
        return items_[index];
    }
    constexpr T* begin() noexcept { return items_.data(); }
    constexpr T* end() noexcept { return items_.data() + size_; }
    constexpr const T* begin() const noexcept { return items_.data(); }
    constexpr const T* end() const noexcept { return items_.data() + size_; }
    constexpr std::span<T> span() noexcept { return {items_.data(), size_}; }
    constexpr std::span<const T> span() const noexcept { return {items_.data(), size_}; }
    constexpr std::size_t size() const noexcept { return size_; }
    constexpr bool empty() const noexcept { return size_ == 0; }
    constexpr bool full() const noexcept { return size_ == capacity_count; }
    static constexpr std::size_t capacity() noexcept { return capacity_count; }

    friend constexpr bool operator==(const FixedVector& a, const FixedVector& b) noexcept {
        return std::equal(a.begin(), a.end(), b.begin(), b.end());
    }

  private:
    std::array<T, capacity_count> items_{};
    std::uint32_t size_ = 0;
};

}  // namespace ballast
