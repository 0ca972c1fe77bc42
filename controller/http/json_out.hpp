// Writing JSON (RapidJSON's Writer behind a narrow face, so that its headers stay in one file).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>

#include "base/fixed_string.hpp"
#include "base/instant.hpp"
#include "base/uuid.hpp"

namespace ballast::controller::http {

// Milliseconds since the Unix epoch as "2026-11-21T08:00:00.123Z" (RFC 3339, UTC).
// What lies before 1970 or after 9999 is shown as 1970.
using TimeText = FixedString<24>;
TimeText rfc3339_text(WallTime time) noexcept;
std::string rfc3339(WallTime time);

// Appends one JSON document, or several one a line, to `out`. Text that is not UTF-8 (guests' names come from
// foreign toolstacks) is written with U+FFFD in place of the broken bytes. Numbers are rounded to three
// decimals; one that is not finite becomes null. Beyond `bytes_max` nothing more is written and `overflowed`
// tells. `out` is up to date whenever a document is complete. REQUIRES: out.size() <= bytes_max.
class JsonOut {
  public:
    JsonOut(std::string& out, std::size_t bytes_max);
    ~JsonOut();
    JsonOut(const JsonOut&) = delete;
    JsonOut& operator=(const JsonOut&) = delete;

    void object();
    void end_object();
    void array();
    void end_array();
    // REQUIRES: a word of ours, which needs no escape.
    void key(std::string_view name);
    // A key that somebody else has named.
    void foreign_key(std::string_view name) { text(name); }
    void text(std::string_view value);
    void integer(std::int64_t value);
    void integer(std::uint64_t value);
    void number(double value);
    void flag(bool value);
    void null();
    // Starts the next document of a sequence, on a new line.
    void next_document();
    bool overflowed() const noexcept;

    // key + value
    void member(std::string_view name, std::string_view value) { key(name), text(value); }
    void member(std::string_view name, const char* value) { key(name), text(value); }
    void member(std::string_view name, const Uuid& value) { key(name), text(to_text(value)); }
    void member(std::string_view name, double value) { key(name), number(value); }
    void member(std::string_view name, bool value) { key(name), flag(value); }
    // Present only when the time is set (not 0).
    void member(std::string_view name, WallTime value);
    template <class Integer>
    requires std::is_integral_v<Integer> &&
        (!std::is_same_v<Integer, bool>)void member(std::string_view name, Integer value) {
        key(name);
        if constexpr (std::is_signed_v<Integer>) {
            integer(std::int64_t{value});
        } else {
            integer(std::uint64_t{value});
        }
    }

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace ballast::controller::http
