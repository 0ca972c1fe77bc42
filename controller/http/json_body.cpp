#include "controller/http/json_body.hpp"

#include <rapidjson/document.h>
#include <rapidjson/error/en.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "base/assert.hpp"

namespace ballast::controller::http {

namespace {

using Pool = rapidjson::MemoryPoolAllocator<>;
using Document = rapidjson::GenericDocument<rapidjson::UTF8<>, Pool>;
using Value = Document::ValueType;

// Iterative: the nesting of a hostile body must not become our stack depth.
constexpr unsigned parse_flags = rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag;

// First pass: is it JSON, and within the bounds? Builds nothing.
struct BoundsCheck : rapidjson::BaseReaderHandler<rapidjson::UTF8<>, BoundsCheck> {
    std::size_t depth = 0;
    std::size_t values = 0;
    const char* broken = nullptr;

    bool count() {
        if (++values > json_values_max) {
            broken = "too many values";
            return false;
        }
        return true;
    }
    bool enter() {
        if (++depth > json_depth_max) {
            broken = "nested too deeply";
            return false;
        }
        return count();
    }
    bool Default() { return count(); }
    bool Key(const char*, rapidjson::SizeType, bool) { return count(); }
    bool StartObject() { return enter(); }
    bool StartArray() { return enter(); }
    bool EndObject(rapidjson::SizeType) { return --depth, true; }
    bool EndArray(rapidjson::SizeType) { return --depth, true; }
};

// RFC 6901: "~" and "/" inside a name are escaped.
std::string pointer_to(const std::string& parent, std::string_view name) {
    std::string out = parent + '/';
    for (const char c : name) {
        if (c == '~') {
            out += "~0";
        } else if (c == '/') {
            out += "~1";
        } else {
            out += c;
        }
    }
    return out;
}

std::string number_text(double value) {
    std::array<char, 32> text{};
    const int length = std::snprintf(text.data(), text.size(), "%g", value);
    return {text.data(), static_cast<std::size_t>(length)};
}

const Value& as_value(const void* value) {
    return *static_cast<const Value*>(value);
}
std::string_view as_text(const Value& value) {
    return {value.GetString(), value.GetStringLength()};
}

}  // namespace

struct JsonBody::Impl {
    // Strings are unescaped in place in `text`; the tree lies in `memory`, which the bound on values makes
    // enough.
    static constexpr std::size_t member_bytes = 2 * sizeof(Value);
    std::string text;
    std::array<char, json_values_max * member_bytes + 1024> memory;
    Pool pool{memory.data(), memory.size()};
    Document document{&pool};
    std::string error;
    bool parsed = false;
};

JsonBody::JsonBody(std::string_view text) : impl_{std::make_unique<Impl>()} {
    impl_->text = text.empty() ? "{}" : std::string{text};
    if (impl_->text.find('\0') != std::string::npos) {
        impl_->error = "a NUL byte";  // the in-place parser would take it for the end
        return;
    }
    // RapidJSON reads a whole UTF-8 sequence before it looks at the bytes: up to three beyond the end.
    impl_->text.append(3, '\0');
    rapidjson::Reader reader;
    BoundsCheck bounds;
    rapidjson::StringStream stream{impl_->text.c_str()};
    const rapidjson::ParseResult result = reader.Parse<parse_flags>(stream, bounds);
    if (result.IsError()) {
        const char* why =
            bounds.broken != nullptr ? bounds.broken : rapidjson::GetParseError_En(result.Code());
        impl_->error = std::string{why} + " (at byte " + std::to_string(result.Offset()) + ')';
        return;
    }
    impl_->document.ParseInsitu<parse_flags>(impl_->text.data());
    BALLAST_ASSERT(!impl_->document.HasParseError());
    impl_->parsed = impl_->document.IsObject();
    if (!impl_->parsed) {
        impl_->error = "expected a JSON object";
    }
}

JsonBody::~JsonBody() = default;

bool JsonBody::parsed() const noexcept {
    return impl_->parsed;
}
const std::string& JsonBody::syntax_error() const noexcept {
    return impl_->error;
}

JsonFields JsonBody::root() {
    BALLAST_ASSERT(impl_->parsed);
    const Value& value = impl_->document;
    return {*this, &value, {}};
}

void JsonBody::add_error(std::string pointer, std::string detail) {
    if (errors_.size() < body_errors_max) {
        errors_.push_back({std::move(pointer), std::move(detail)});
    }
}

JsonFields::JsonFields(JsonBody& body, const void* value, std::string pointer)
    : body_{body}, value_{value}, pointer_{std::move(pointer)} {}

bool JsonFields::has(std::string_view name) const {
    const Value& object = as_value(value_);
    return std::any_of(object.MemberBegin(), object.MemberEnd(), [&](const auto& member) {
        return as_text(member.name) == name && !member.value.IsNull();
    });
}

const void* JsonFields::take(std::string_view name, bool required) {
    known_.push_back(name);
    const Value& object = as_value(value_);
    const Value* found = nullptr;
    for (auto member = object.MemberBegin(); member != object.MemberEnd(); ++member) {
        if (as_text(member->name) == name) {
            if (found != nullptr) {
                reject(name, "given twice");
                return nullptr;
            }
            found = &member->value;
        }
    }
    if (found == nullptr || found->IsNull()) {
        if (required) {
            reject(name, "required");
        }
        return nullptr;
    }
    return found;
}

std::optional<std::string> JsonFields::text(std::string_view name, bool required, std::size_t bytes_max) {
    const void* found = take(name, required);
    if (found == nullptr) {
        return std::nullopt;
    }
    const Value& value = as_value(found);
    if (!value.IsString() || value.GetStringLength() > bytes_max ||
        as_text(value).find('\0') != std::string_view::npos) {
        reject(name, "expected a string of at most " + std::to_string(bytes_max) + " bytes");
        return std::nullopt;
    }
    return std::string{as_text(value)};
}

std::optional<std::int64_t> JsonFields::integer(std::string_view name, bool required, std::int64_t min,
                                                std::int64_t max) {
    const void* found = take(name, required);
    if (found == nullptr) {
        return std::nullopt;
    }
    const Value& value = as_value(found);
    if (!value.IsInt64() || value.GetInt64() < min || value.GetInt64() > max) {
        reject(name, "expected an integer from " + std::to_string(min) + " to " + std::to_string(max));
        return std::nullopt;
    }
    return value.GetInt64();
}

std::optional<double> JsonFields::number(std::string_view name, bool required, double min, double max) {
    const void* found = take(name, required);
    if (found == nullptr) {
        return std::nullopt;
    }
    const Value& value = as_value(found);
    if (!value.IsNumber() || !(value.GetDouble() >= min) || !(value.GetDouble() <= max)) {
        reject(name, "expected a number from " + number_text(min) + " to " + number_text(max));
        return std::nullopt;
    }
    return value.GetDouble();
}

std::optional<bool> JsonFields::flag(std::string_view name, bool required) {
    const void* found = take(name, required);
    if (found == nullptr) {
        return std::nullopt;
    }
    const Value& value = as_value(found);
    if (!value.IsBool()) {
        reject(name, "expected true or false");
        return std::nullopt;
    }
    return value.GetBool();
}

void JsonFields::objects(std::string_view name, std::size_t count_max,
                         const std::function<void(JsonFields&)>& each) {
    const void* found = take(name, false);
    if (found == nullptr) {
        return;
    }
    const Value& list = as_value(found);
    if (!list.IsArray() || list.Size() > count_max) {
        reject(name, "expected a list of at most " + std::to_string(count_max) + " objects");
        return;
    }
    for (rapidjson::SizeType i = 0; i < list.Size(); ++i) {
        const std::string pointer = pointer_to(pointer_, name) + '/' + std::to_string(i);
        if (!list[i].IsObject()) {
            body_.add_error(pointer, "expected an object");
            continue;
        }
        JsonFields element{body_, &list[i], pointer};
        each(element);
        element.finish();
    }
}

void JsonFields::object(std::string_view name, const std::function<void(JsonFields&)>& inside) {
    const void* found = take(name, false);
    if (found == nullptr) {
        return;
    }
    if (!as_value(found).IsObject()) {
        reject(name, "expected an object");
        return;
    }
    JsonFields fields{body_, found, pointer_to(pointer_, name)};
    inside(fields);
    fields.finish();
}

void JsonFields::reject(std::string_view name, std::string detail) {
    body_.add_error(pointer_to(pointer_, name), std::move(detail));
}

void JsonFields::finish() {
    const Value& object = as_value(value_);
    for (auto member = object.MemberBegin(); member != object.MemberEnd(); ++member) {
        if (std::find(known_.begin(), known_.end(), as_text(member->name)) == known_.end()) {
            reject(as_text(member->name), "unknown field");
        }
    }
}

}  // namespace ballast::controller::http
