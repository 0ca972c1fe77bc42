// Sentences for people, composed without heap: for the cores, which may use neither streams nor fmt.
#pragma once

#include <array>
#include <charconv>
#include <concepts>
#include <cstdint>
#include <string_view>

#include "base/fixed_string.hpp"

namespace ballast {

// A number that is printed with a fixed count of decimals ("0.83").
struct Decimals {
    double value = 0;
    int places = 2;
};

namespace detail {

template <std::size_t n>
constexpr void append(FixedString<n>& out, std::string_view text) noexcept {
    out.append_cut(text);
}
template <std::size_t n>
constexpr void append(FixedString<n>& out, const char* text) noexcept {
    out.append_cut(std::string_view{text});
}
template <std::size_t n, std::size_t m>
constexpr void append(FixedString<n>& out, const FixedString<m>& text) noexcept {
    out.append_cut(text.view());
}
template <std::size_t n, std::integral Number>
void append(FixedString<n>& out, Number number) noexcept {
    std::array<char, 24> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
    out.append_cut({digits.data(), static_cast<std::size_t>(end - digits.data())});
}
template <std::size_t n>
void append(FixedString<n>& out, Decimals number) noexcept {
    std::array<char, 48> digits{};
    const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), number.value,
                                            std::chars_format::fixed, number.places);
    if (error != std::errc{}) {
        out.append_cut("(huge)");
        return;
    }
    out.append_cut({digits.data(), static_cast<std::size_t>(end - digits.data())});
}

}  // namespace detail

// The parts one after the other, cut at `capacity_bytes`.
template <std::size_t capacity_bytes = 255, class... Parts>
FixedString<capacity_bytes> compose(const Parts&... parts) noexcept {
    FixedString<capacity_bytes> out;
    (detail::append(out, parts), ...);
    return out;
}

}  // namespace ballast
