// JSON as received: checked, bounded, read-only. RapidJSON behind it is known to json.cpp alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace ballast::cli {

// A value inside a JsonText, which must outlive it. What is absent or of another type reads as nothing: an
// answer of a newer controller may have more, and one of an older one less, than this program knows.
class Json {
  public:
    Json() = default;

    // The member of an object; the dotted form goes down: "migration.to".
    Json at(std::string_view path) const;
    explicit operator bool() const noexcept { return value_ != nullptr; }
    bool is_null() const noexcept;
    bool is_text() const noexcept;
    bool is_number() const noexcept;
    bool is_object() const noexcept;
    bool is_array() const noexcept;

    std::string_view text() const noexcept;  // empty when it is none
    double number() const noexcept;          // 0 when it is none
    std::uint64_t count() const noexcept;    // 0 when it is no whole number above 0
    bool flag() const noexcept;
    std::size_t size() const noexcept;  // of an array or object

    void each_item(const std::function<void(Json)>& visit) const;
    void each_member(const std::function<void(std::string_view name, Json)>& visit) const;

    // As a cell of a table or a line of a description: texts without quotes, lists with commas.
    std::string plain() const;
    // As JSON again.
    std::string dump() const;

  private:
    friend class JsonText;
    explicit Json(const void* value) : value_{value} {}
    const void* value_ = nullptr;
};

// A parsed text and the values in it.
class JsonText {
  public:
    // An object or array; anything else, broken encoding and nesting above 64 levels make it !ok().
    explicit JsonText(std::string_view text);
    ~JsonText();
    JsonText(JsonText&&) noexcept;
    JsonText& operator=(JsonText&&) noexcept;

    bool ok() const noexcept;
    // "at byte 12: Missing a colon after a name of object member."
    std::string error() const;
    Json root() const noexcept;

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

// Writes one JSON object or array, member by member; the caller keeps the order right.
class JsonWriter {
  public:
    JsonWriter& object() { return open('{'); }
    JsonWriter& end_object() { return close('}'); }
    JsonWriter& array() { return open('['); }
    JsonWriter& end_array() { return close(']'); }
    JsonWriter& key(std::string_view name);
    JsonWriter& text(std::string_view value);
    JsonWriter& number(double value);
    JsonWriter& integer(std::int64_t value);
    JsonWriter& flag(bool value);
    // JSON that is known to be right.
    JsonWriter& raw(std::string_view json);

    const std::string& str() const noexcept { return out_; }

  private:
    JsonWriter& open(char bracket);
    JsonWriter& close(char bracket);
    void separate();

    std::string out_;
    bool first_ = true;
};

}  // namespace ballast::cli
