// Fixed-width little-endian fields, for what the agent keeps on disk.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>

#include "base/fixed_string.hpp"
#include "base/uuid.hpp"

namespace ballast::agent {

class ByteWriter {
  public:
    template <class Number>
    requires(std::is_integral_v<Number> || std::is_enum_v<Number>) void put(Number number) {
        auto value = static_cast<std::uint64_t>(number);
        for (std::size_t i = 0; i < sizeof(Number); ++i) {
            bytes_.push_back(static_cast<char>(value & 0xff));
            value >>= 8;
        }
    }
    void put(const Uuid& uuid) { bytes_.append(reinterpret_cast<const char*>(uuid.bytes.data()), 16); }
    void put(std::string_view text) {
        put(static_cast<std::uint16_t>(text.size()));
        bytes_.append(text);
    }
    template <std::size_t n>
    void put(const FixedString<n>& text) {
        put(text.view());
    }
    std::string& bytes() noexcept { return bytes_; }

  private:
    std::string bytes_;
};

// Reading past the end or a text that does not fit makes `ok` false for good, and yields zeros.
class ByteReader {
  public:
    explicit ByteReader(std::string_view bytes) noexcept : left_{bytes} {}

    template <class Number>
    requires(std::is_integral_v<Number>) void get(Number& out) noexcept {
        std::uint64_t value = 0;
        const std::string_view field = take(sizeof(Number));
        for (std::size_t i = field.size(); i-- > 0;) {
            value = (value << 8) | static_cast<unsigned char>(field[i]);
        }
        out = static_cast<Number>(value);
    }
    // REQUIRES: every value from 0 to `last` is an enumerator, or the caller checks.
    template <class Enum>
    requires(std::is_enum_v<Enum>) void get(Enum& out, Enum last) noexcept {
        std::underlying_type_t<Enum> value{};
        get(value);
        if (value > static_cast<std::underlying_type_t<Enum>>(last)) {
            ok_ = false;
            value = 0;
        }
        out = static_cast<Enum>(value);
    }
    void get(bool& out) noexcept {
        std::uint8_t value = 0;
        get(value);
        ok_ = ok_ && value <= 1;
        out = value == 1;
    }
    void get(Uuid& out) noexcept {
        const std::string_view field = take(16);
        if (ok_) {
            std::memcpy(out.bytes.data(), field.data(), 16);
        }
    }
    template <std::size_t n>
    void get(FixedString<n>& out) noexcept {
        std::uint16_t size = 0;
        get(size);
        const std::string_view text = take(size);
        ok_ = ok_ && out.try_assign(text);
    }
    // For what the reader cannot check itself.
    void fail() noexcept { ok_ = false; }
    bool ok() const noexcept { return ok_; }
    bool at_end() const noexcept { return left_.empty(); }

  private:
    std::string_view take(std::size_t count) noexcept {
        if (!ok_ || left_.size() < count) {
            ok_ = false;
            return {};
        }
        const std::string_view field = left_.substr(0, count);
        left_.remove_prefix(count);
        return field;
    }

    std::string_view left_;
    bool ok_ = true;
};

}  // namespace ballast::agent
