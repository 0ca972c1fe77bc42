// A string of bounded length inside its owner: trivially copyable, no heap.
#pragma once

#include <algorithm>
#include <array>
#include <compare>
#include <cstdint>
#include <string_view>

namespace ballast {

template <std::size_t capacity_bytes>
class FixedString {
    static_assert(capacity_bytes <= 65535);

  public:
    constexpr FixedString() noexcept = default;
    // Cuts what does not fit. Use try_assign where cutting would change the meaning.
    constexpr FixedString(std::string_view text) noexcept {
        assign_cut(text);
    }                                                                       // NOLINT: implicit on purpose
    constexpr FixedString(const char* text) noexcept { assign_cut(text); }  // NOLINT: implicit on purpose

    [[nodiscard]] constexpr bool try_assign(std::string_view text) noexcept {
        if (text.size() > capacity_bytes) {
            return false;
        }
        assign_cut(text);
        return true;
    }
    constexpr void assign_cut(std::string_view text) noexcept {
        size_ = static_cast<std::uint16_t>(std::min(text.size(), capacity_bytes));
        std::copy_n(text.data(), size_, bytes_.data());
    }
    constexpr void append_cut(std::string_view text) noexcept {
        const std::size_t taken = std::min(text.size(), capacity_bytes - size_);
        std::copy_n(text.data(), taken, bytes_.data() + size_);
        size_ = static_cast<std::uint16_t>(size_ + taken);
    }
    constexpr void clear() noexcept { size_ = 0; }

    constexpr std::string_view view() const noexcept { return {bytes_.data(), size_}; }
    constexpr operator std::string_view() const noexcept { return view(); }  // NOLINT: implicit on purpose
    constexpr bool empty() const noexcept { return size_ == 0; }
    constexpr std::size_t size() const noexcept { return size_; }
    static constexpr std::size_t capacity() noexcept { return capacity_bytes; }

    friend constexpr bool operator==(const FixedString& a, const FixedString& b) noexcept {
        return a.view() == b.view();
    }
    friend constexpr auto operator<=>(const FixedString& a, const FixedString& b) noexcept {
        return a.view() <=> b.view();
    }
    friend constexpr bool operator==(const FixedString& a, std::string_view b) noexcept {
        return a.view() == b;
    }
    friend constexpr bool operator==(const FixedString& a, const char* b) noexcept { return a.view() == b; }

  private:
    std::array<char, capacity_bytes> bytes_{};
    std::uint16_t size_ = 0;
};

}  // namespace ballast
