// Reading a JSON request body strictly: every field that is read is declared with its type and range; what is
// in the body but was not declared is an error. All errors are collected, each with a JSON pointer and what
// was expected.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ballast::controller::http {

inline constexpr std::size_t json_depth_max = 8;     // nested arrays and objects
inline constexpr std::size_t json_values_max = 512;  // values and keys in one body
inline constexpr std::size_t body_errors_max = 16;   // collected; later ones are not listed

struct FieldError {
    std::string pointer;  // RFC 6901, "" is the whole body
    std::string detail;   // "expected an integer from 1 to 128"
};

class JsonBody;

// One object of a body, and the path to it. Valid as long as its JsonBody.
class JsonFields {
  public:
    // Absent: nothing when optional, an error (and nothing) when `required`. A wrong type or a value out of
    // range: an error, and nothing. A null counts as absent.
    std::optional<std::string> text(std::string_view name, bool required, std::size_t bytes_max);
    std::optional<std::int64_t> integer(std::string_view name, bool required, std::int64_t min,
                                        std::int64_t max);
    std::optional<double> number(std::string_view name, bool required, double min, double max);
    std::optional<bool> flag(std::string_view name, bool required);
    // Calls `each` for every element of an array of objects; more than `count_max` is an error.
    void objects(std::string_view name, std::size_t count_max, const std::function<void(JsonFields&)>& each);
    // Calls `inside` for a nested object when there is one.
    void object(std::string_view name, const std::function<void(JsonFields&)>& inside);
    bool has(std::string_view name) const;

    // For rules that the types do not say: adds an error at this field.
    void reject(std::string_view name, std::string detail);
    // Declares that all fields have been read: others are errors.
    void finish();

  private:
    friend class JsonBody;
    JsonFields(JsonBody& body, const void* value, std::string pointer);
    const void* take(std::string_view name, bool required);

    JsonBody& body_;
    const void* value_;  // a rapidjson object
    std::string pointer_;
    std::vector<std::string_view> known_;
};

class JsonBody {
  public:
    // Parses `text` (copied). An empty body counts as `{}`.
    explicit JsonBody(std::string_view text);
    ~JsonBody();
    JsonBody(const JsonBody&) = delete;
    JsonBody& operator=(const JsonBody&) = delete;

    // False: the text is not a JSON object within the bounds, and `syntax_error` says where and why.
    bool parsed() const noexcept;
    const std::string& syntax_error() const noexcept;
    // REQUIRES: parsed().
    JsonFields root();
    const std::vector<FieldError>& errors() const noexcept { return errors_; }
    bool valid() const noexcept { return parsed() && errors_.empty(); }

  private:
    friend class JsonFields;
    void add_error(std::string pointer, std::string detail);

    struct Impl;
    std::unique_ptr<Impl> impl_;
    std::vector<FieldError> errors_;
};

}  // namespace ballast::controller::http
