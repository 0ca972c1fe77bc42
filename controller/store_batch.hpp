// What is to be written to the store, taken down: executions of prepared statements with their values, in a
// buffer of fixed size. The loop takes them down; the store's thread executes them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "base/fixed_string.hpp"
#include "base/instant.hpp"
#include "base/limits.hpp"
#include "base/uuid.hpp"
#include "controller/sqlite.hpp"

namespace ballast::controller {

class Batch {
  public:
    // The largest line holds a guest's definition as it travels in a frame, and a row of a pool beside it.
    static constexpr std::size_t line_bytes_max = limits::frame_bytes_max + 16 * 1024;
    static constexpr std::size_t bytes_max = 2 * line_bytes_max;

    // Pages become memory once they are used.
    Batch() : bytes_{std::make_unique_for_overwrite<std::byte[]>(bytes_max)} {}

    bool empty() const noexcept { return used_ == 0; }
    // Any line fits.
    bool has_room() const noexcept { return bytes_max - used_ >= line_bytes_max; }
    void clear() noexcept { used_ = 0; }

    // ---- one line: begin, append its values in the order of the '?', end ----
    void begin(std::uint8_t statement) noexcept;
    void append(std::int64_t value) noexcept;
    void append(double value) noexcept;
    void append_text(std::string_view text) noexcept;
    void append_blob(std::span<const std::byte> bytes) noexcept;
    // False: there is no room for it, and it is not in the batch.
    bool end() noexcept;

    // Executes all lines in order; a line's `statement` is the place in `statements`. False: one failed, and
    // those behind it were not executed.
    bool replay(std::span<Statement> statements) const noexcept;

  private:
    enum class Kind : std::uint8_t { integer, real, text, blob, end };
    void put(Kind kind, const void* data, std::size_t size) noexcept;
    void put_sized(Kind kind, std::span<const std::byte> bytes) noexcept;

    std::unique_ptr<std::byte[]> bytes_;
    std::size_t used_ = 0;      // up to the end of the last whole line
    std::size_t position_ = 0;  // of the line that is being taken down
    bool fits_ = true;
};

// One line of a batch, with what values look like in the store.
class Line {
  public:
    Line(Batch& batch, std::uint8_t statement) noexcept : batch_{batch} { batch_.begin(statement); }

    Line& bind(std::int64_t value) noexcept {
        batch_.append(value);
        return *this;
    }
    Line& bind(std::uint64_t value) noexcept { return bind(static_cast<std::int64_t>(value)); }
    Line& bind(std::uint32_t value) noexcept { return bind(std::int64_t{value}); }
    Line& bind(bool value) noexcept { return bind(std::int64_t{value}); }
    Line& bind(double value) noexcept {
        batch_.append(value);
        return *this;
    }
    Line& bind(std::string_view text) noexcept {
        batch_.append_text(text);
        return *this;
    }
    Line& bind(const Uuid& uuid) noexcept { return bind_blob(std::as_bytes(std::span{uuid.bytes})); }
    Line& bind(WallTime time) noexcept { return bind(time.unix_ms); }
    Line& bind_blob(std::span<const std::byte> bytes) noexcept {
        batch_.append_blob(bytes);
        return *this;
    }
    template <class Enum>
    requires std::is_enum_v<Enum> Line& bind(Enum value) noexcept {
        return bind(static_cast<std::int64_t>(value));
    }
    // False: the batch has no room for it.
    bool end() noexcept { return batch_.end(); }

  private:
    Batch& batch_;
};

}  // namespace ballast::controller
