// SQLite as the store uses it: a connection, prepared statements, values bound and read in order.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/fixed_string.hpp"
#include "base/instant.hpp"
#include "base/uuid.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace ballast::controller {

// All that SQLite may allocate in this process: a page cache of 1 MiB, statements, the log's index, and what
// sorting at the start takes. Beyond, a statement fails as it does on a full disk.
inline constexpr std::int64_t sqlite_bytes_max = 16 * 1024 * 1024;

// A prepared statement, reused. Every call after a failed one does nothing; `failed` tells at the end.
class Statement {
  public:
    Statement() noexcept = default;
    ~Statement();
    Statement(Statement&& other) noexcept;
    Statement& operator=(Statement&& other) noexcept;
    // False when the SQL does not fit the schema.
    bool prepare(sqlite3* connection, std::string_view sql);

    // ---- one execution: start, bind in the order of the '?', then run or next ----
    Statement& start() noexcept;
    Statement& bind(std::int64_t value) noexcept;
    Statement& bind(double value) noexcept;
    // The text and the bytes must live until the statement has run.
    Statement& bind(std::string_view text) noexcept;
    Statement& bind_blob(std::span<const std::byte> bytes) noexcept;
    bool run() noexcept;   // a statement without rows; false on failure
    bool next() noexcept;  // true when there is a (further) row; false at the end or on failure
    bool failed() const noexcept { return failed_; }

    // ---- columns of the present row, in order; what does not fit or is out of range makes `corrupt` true
    // ----
    Statement& read(std::int64_t& out) noexcept;
    Statement& read(std::uint64_t& out) noexcept;
    Statement& read(std::uint32_t& out) noexcept;
    Statement& read(bool& out) noexcept;
    Statement& read(double& out) noexcept;
    Statement& read(Uuid& out) noexcept;
    Statement& read(WallTime& out) noexcept { return read(out.unix_ms); }
    template <std::size_t n>
    Statement& read(FixedString<n>& out) noexcept {
        corrupt_ |= !out.try_assign(column_text());
        return *this;
    }
    // `highest` is the enumeration's last value.
    template <class Enum>
    requires std::is_enum_v<Enum> Statement& read(Enum& out, Enum highest) noexcept {
        std::int64_t number = 0;
        read(number);
        corrupt_ |= number < 0 || number > static_cast<std::int64_t>(highest);
        out = corrupt_ ? Enum{} : static_cast<Enum>(number);
        return *this;
    }
    std::span<const std::byte> read_blob() noexcept;
    bool corrupt() const noexcept { return corrupt_; }

  private:
    std::string_view column_text() noexcept;

    sqlite3_stmt* statement_ = nullptr;
    int position_ = 0;
    bool failed_ = false;
    bool corrupt_ = false;
};

}  // namespace ballast::controller
