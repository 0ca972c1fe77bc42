#include "base/mac.hpp"

namespace ballast {
namespace {

constexpr std::size_t mac_characters = 17;
constexpr unsigned no_digit = 16;

constexpr unsigned hex_digit(char c) noexcept {
    return c >= '0' && c <= '9'   ? static_cast<unsigned>(c - '0')
           : c >= 'a' && c <= 'f' ? static_cast<unsigned>(c - 'a') + 10
           : c >= 'A' && c <= 'F' ? static_cast<unsigned>(c - 'A') + 10
                                  : no_digit;
}

}  // namespace

std::optional<std::uint64_t> parse_mac(std::string_view text) noexcept {
    if (text.size() != mac_characters) {
        return std::nullopt;
    }
    std::uint64_t address = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (i % 3 == 2) {
            if (text[i] != ':') {
                return std::nullopt;
            }
            continue;
        }
        const unsigned digit = hex_digit(text[i]);
        if (digit == no_digit) {
            return std::nullopt;
        }
        address = address << 4 | digit;
    }
    constexpr std::uint64_t group = std::uint64_t{1} << 40;
    return address == 0 || (address & group) != 0 ? std::nullopt : std::optional{address};
}

}  // namespace ballast
