#include "base/uuid.hpp"

namespace ballast {
namespace {

constexpr bool is_dash_position(std::size_t position) noexcept {
    return position == 8 || position == 13 || position == 18 || position == 23;
}

constexpr int hex_value(char c) noexcept {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return -1;
}

}  // namespace

UuidText to_text(const Uuid& uuid) noexcept {
    constexpr std::string_view digits = "0123456789abcdef";
    char text[36];
    std::size_t at = 0;
    for (const std::uint8_t byte : uuid.bytes) {
        if (is_dash_position(at)) {
            text[at++] = '-';
        }
        text[at++] = digits[byte >> 4];
        text[at++] = digits[byte & 15];
    }
    return UuidText{std::string_view{text, sizeof text}};
}

std::optional<Uuid> parse_uuid(std::string_view text) noexcept {
    if (text.size() != 36) {
        return std::nullopt;
    }
    Uuid uuid;
    std::size_t nibble = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (is_dash_position(i)) {
            if (text[i] != '-') {
                return std::nullopt;
            }
            continue;
        }
        const int value = hex_value(text[i]);
        if (value < 0) {
            return std::nullopt;
        }
        std::uint8_t& byte = uuid.bytes[nibble / 2];
        byte = static_cast<std::uint8_t>((byte << 4) | value);
        ++nibble;
    }
    return uuid;
}

Uuid uuid_from_random(std::array<std::uint8_t, 16> random_bytes) noexcept {
    random_bytes[6] = static_cast<std::uint8_t>((random_bytes[6] & 0x0f) | 0x40);
    random_bytes[8] = static_cast<std::uint8_t>((random_bytes[8] & 0x3f) | 0x80);
    return Uuid{random_bytes};
}

}  // namespace ballast
