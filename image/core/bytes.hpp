// Little-endian fields in buffers of fixed size: what the formats of this folder are made of.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>

namespace ballast::image {

// Writing past the end makes ok() false for good and writes nothing.
class FieldWriter {
  public:
    explicit FieldWriter(std::span<std::byte> into) noexcept : into_{into} {}

    template <class Number>
    requires(std::is_integral_v<Number> || std::is_enum_v<Number>) void put(Number number) noexcept {
        std::byte field[sizeof(Number)];
        auto value = static_cast<std::uint64_t>(number);
        for (std::byte& byte : field) {
            byte = static_cast<std::byte>(value & 0xff);
            value >>= 8;
        }
        put(std::span<const std::byte>{field});
    }
    void put(std::span<const std::byte> bytes) noexcept {
        if (!ok_ || bytes.size() > into_.size() - used_) {
            ok_ = false;
            return;
        }
        if (!bytes.empty()) {
            std::memcpy(into_.data() + used_, bytes.data(), bytes.size());
        }
        used_ += bytes.size();
    }
    // Seven bits a byte, low ones first; the top bit says that more follow.
    void put_varint(std::uint64_t value) noexcept {
        while (value >= 0x80) {
            put(static_cast<std::uint8_t>(value | 0x80));
            value >>= 7;
        }
        put(static_cast<std::uint8_t>(value));
    }
    bool ok() const noexcept { return ok_; }
    std::size_t used() const noexcept { return used_; }

  private:
    std::span<std::byte> into_;
    std::size_t used_ = 0;
    bool ok_ = true;
};

// Reading past the end makes ok() false for good and yields zeros.
class FieldReader {
  public:
    explicit FieldReader(std::span<const std::byte> from) noexcept : left_{from} {}

    template <class Number>
    requires(std::is_integral_v<Number>) Number get()
    noexcept {
        std::uint64_t value = 0;
        const std::span<const std::byte> field = take(sizeof(Number));
        for (std::size_t i = field.size(); i-- > 0;) {
            value = (value << 8) | std::to_integer<std::uint64_t>(field[i]);
        }
        return static_cast<Number>(value);
    }
    std::uint64_t get_varint() noexcept {
        std::uint64_t value = 0;
        for (unsigned shift = 0; shift < 64; shift += 7) {
            const auto byte = get<std::uint8_t>();
            const std::uint64_t bits = byte & 0x7f;
            // The tenth byte has one bit left to give.
            if (shift == 63 && bits > 1) {
                break;
            }
            value |= bits << shift;
            if ((byte & 0x80) == 0) {
                return value;
            }
        }
        ok_ = false;
        return 0;
    }
    // The next `count` bytes; empty (and not ok) when there are not so many.
    std::span<const std::byte> take(std::size_t count) noexcept {
        if (!ok_ || left_.size() < count) {
            ok_ = false;
            return {};
        }
        const std::span<const std::byte> field = left_.first(count);
        left_ = left_.subspan(count);
        return field;
    }
    bool ok() const noexcept { return ok_; }
    std::size_t left() const noexcept { return left_.size(); }

  private:
    std::span<const std::byte> left_;
    bool ok_ = true;
};

}  // namespace ballast::image
