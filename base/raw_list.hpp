// A list of bounded length inside its owner, like FixedVector, whose storage is not touched before it is
// used: for long lists of which little is used as a rule, so that the rest of their pages never becomes
// memory.
#pragma once

#include <array>
#include <cstddef>
#include <new>
#include <span>
#include <type_traits>

#include "base/assert.hpp"

namespace ballast {

template <class T, std::size_t capacity_count>
class RawList {
    static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>);

  public:
    RawList() noexcept {}  // NOLINT: not defaulted, which would let `RawList{}` write zeros
    RawList(const RawList&) = delete;
    RawList& operator=(const RawList&) = delete;

    [[nodiscard]] bool try_push(const T& value) noexcept {
        if (size_ == capacity_count) {
            return false;
        }
        ::new (static_cast<void*>(bytes_.data() + size_++ * sizeof(T))) T(value);
        return true;
    }
    // REQUIRES: room. For callers whose bound is proven elsewhere.
    void push(const T& value) noexcept {
        const bool pushed = try_push(value);
        BALLAST_ASSERT(pushed);
    }
    void clear() noexcept { size_ = 0; }

    T* begin() noexcept { return std::launder(reinterpret_cast<T*>(bytes_.data())); }
    T* end() noexcept { return begin() + size_; }
    const T* begin() const noexcept { return std::launder(reinterpret_cast<const T*>(bytes_.data())); }
    const T* end() const noexcept { return begin() + size_; }
    std::span<const T> span() const noexcept { return {begin(), size_}; }
    std::size_t size() const noexcept { return size_; }

  private:
    alignas(T) std::array<std::byte, capacity_count * sizeof(T)> bytes_;
    std::size_t size_ = 0;
};

}  // namespace ballast
