// One reservation, handed out once at start. The cores keep their tables in an arena and never allocate
// again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <span>
#include <type_traits>

#include "base/assert.hpp"

namespace ballast {

// Hands out arrays from a block of memory that the caller owns and that must outlive every array. Nothing is
// given back. An arena without memory (nullptr) only counts: that is how budgets are computed before anything
// is reserved.
class Arena {
  public:
    constexpr Arena() noexcept = default;
    constexpr explicit Arena(std::span<std::byte> block) noexcept : block_{block} {}

    // `count` value-initialised elements. A counting arena returns an empty span.
    template <class T>
    std::span<T> make_array(std::size_t count) noexcept {
        static_assert(std::is_trivially_destructible_v<T>);
        const std::size_t start = (used_bytes_ + alignof(T) - 1) / alignof(T) * alignof(T);
        used_bytes_ = start + count * sizeof(T);
        if (block_.data() == nullptr) {
            return {};
        }
        BALLAST_ASSERT(used_bytes_ <= block_.size());
        T* first = reinterpret_cast<T*>(block_.data() + start);
        for (std::size_t i = 0; i < count; ++i) {
            ::new (static_cast<void*>(first + i)) T{};
        }
        return {first, count};
    }

    std::size_t used_bytes() const noexcept { return used_bytes_; }

  private:
    std::span<std::byte> block_{};
    std::size_t used_bytes_ = 0;
};

}  // namespace ballast
