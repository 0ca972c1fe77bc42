#include "controller/sqlite.hpp"

#include <sqlite3.h>

#include <algorithm>
#include <limits>
#include <utility>

namespace ballast::controller {

Statement::~Statement() {
    sqlite3_finalize(statement_);
}

Statement::Statement(Statement&& other) noexcept : statement_{std::exchange(other.statement_, nullptr)} {}

Statement& Statement::operator=(Statement&& other) noexcept {
    std::swap(statement_, other.statement_);
    return *this;
}

bool Statement::prepare(sqlite3* connection, std::string_view sql) {
    return sqlite3_prepare_v3(connection, sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT,
                              &statement_, nullptr) == SQLITE_OK;
}

Statement& Statement::start() noexcept {
    sqlite3_reset(statement_);
    position_ = 0;
    failed_ = false;
    corrupt_ = false;
    return *this;
}

Statement& Statement::bind(std::int64_t value) noexcept {
    failed_ |= sqlite3_bind_int64(statement_, ++position_, value) != SQLITE_OK;
    return *this;
}

Statement& Statement::bind(double value) noexcept {
    failed_ |= sqlite3_bind_double(statement_, ++position_, value) != SQLITE_OK;
    return *this;
}

Statement& Statement::bind(std::string_view text) noexcept {
    failed_ |= sqlite3_bind_text(statement_, ++position_, text.data(), static_cast<int>(text.size()),
                                 SQLITE_STATIC) != SQLITE_OK;
    return *this;
}

Statement& Statement::bind_blob(std::span<const std::byte> bytes) noexcept {
    failed_ |= sqlite3_bind_blob(statement_, ++position_, bytes.data(), static_cast<int>(bytes.size()),
                                 SQLITE_STATIC) != SQLITE_OK;
    return *this;
}

bool Statement::run() noexcept {
    while (next()) {
    }
    return !failed_;
}

bool Statement::next() noexcept {
    if (failed_) {
        return false;
    }
    position_ = 0;
    const int result = sqlite3_step(statement_);
    if (result == SQLITE_ROW) {
        return true;
    }
    failed_ = result != SQLITE_DONE;
    sqlite3_reset(statement_);
    return false;
}

Statement& Statement::read(std::int64_t& out) noexcept {
    corrupt_ |= sqlite3_column_type(statement_, position_) != SQLITE_INTEGER;
    out = sqlite3_column_int64(statement_, position_++);
    return *this;
}

Statement& Statement::read(std::uint64_t& out) noexcept {
    std::int64_t number = 0;
    read(number);
    out = static_cast<std::uint64_t>(number);  // digests use all 64 bits
    return *this;
}

Statement& Statement::read(std::uint32_t& out) noexcept {
    std::int64_t number = 0;
    read(number);
    corrupt_ |= number < 0 || number > std::numeric_limits<std::uint32_t>::max();
    out = static_cast<std::uint32_t>(number);
    return *this;
}

Statement& Statement::read(bool& out) noexcept {
    std::int64_t number = 0;
    read(number);
    corrupt_ |= number != 0 && number != 1;
    out = number == 1;
    return *this;
}

Statement& Statement::read(double& out) noexcept {
    corrupt_ |= sqlite3_column_type(statement_, position_) != SQLITE_FLOAT;
    out = sqlite3_column_double(statement_, position_++);
    return *this;
}

Statement& Statement::read(Uuid& out) noexcept {
    const std::span<const std::byte> bytes = read_blob();
    corrupt_ |= bytes.size() != out.bytes.size();
    if (!corrupt_) {
        std::transform(bytes.begin(), bytes.end(), out.bytes.begin(),
                       [](std::byte b) { return std::to_integer<std::uint8_t>(b); });
    }
    return *this;
}

std::span<const std::byte> Statement::read_blob() noexcept {
    const void* data = sqlite3_column_blob(statement_, position_);
    const int size = sqlite3_column_bytes(statement_, position_++);
    return {static_cast<const std::byte*>(data), static_cast<std::size_t>(size)};
}

std::string_view Statement::column_text() noexcept {
    const unsigned char* text = sqlite3_column_text(statement_, position_);
    const int size = sqlite3_column_bytes(statement_, position_++);
    return {reinterpret_cast<const char*>(text), static_cast<std::size_t>(size)};
}

}  // namespace ballast::controller
