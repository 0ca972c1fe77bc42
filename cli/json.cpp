#include "cli/json.hpp"

#include <rapidjson/document.h>
#include <rapidjson/error/en.h>
#include <rapidjson/reader.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <limits>

namespace ballast::cli {

namespace {

constexpr std::size_t depth_max = 64;

using Value = rapidjson::Value;

const Value* as_value(const void* value) noexcept {
    return static_cast<const Value*>(value);
}

// Nesting is bounded before a tree is built: destroying and printing one are recursive.
struct DepthCheck : rapidjson::BaseReaderHandler<rapidjson::UTF8<>, DepthCheck> {
    std::size_t depth = 0;
    bool StartObject() { return ++depth <= depth_max; }
    bool StartArray() { return ++depth <= depth_max; }
    bool EndObject(rapidjson::SizeType) { return --depth, true; }
    bool EndArray(rapidjson::SizeType) { return --depth, true; }
};

std::string number_text(const Value& value) {
    if (value.IsUint64()) {
        return std::to_string(value.GetUint64());
    }
    if (value.IsInt64()) {
        return std::to_string(value.GetInt64());
    }
    std::array<char, 32> text{};
    const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), value.GetDouble());
    return {text.data(), end};
}

}  // namespace

Json Json::at(std::string_view path) const {
    const Value* value = as_value(value_);
    while (value != nullptr && !path.empty()) {
        const std::size_t dot = std::min(path.find('.'), path.size());
        if (!value->IsObject()) {
            return {};
        }
        const std::string_view name = path.substr(0, dot);
        const auto found = value->FindMember(
            Value{rapidjson::StringRef(name.data(), static_cast<rapidjson::SizeType>(name.size()))});
        value = found == value->MemberEnd() ? nullptr : &found->value;
        path.remove_prefix(std::min(dot + 1, path.size()));
    }
    return Json{value};
}

bool Json::is_null() const noexcept {
    return value_ == nullptr || as_value(value_)->IsNull();
}
bool Json::is_text() const noexcept {
    return value_ != nullptr && as_value(value_)->IsString();
}
bool Json::is_number() const noexcept {
    return value_ != nullptr && as_value(value_)->IsNumber();
}
bool Json::is_object() const noexcept {
    return value_ != nullptr && as_value(value_)->IsObject();
}
bool Json::is_array() const noexcept {
    return value_ != nullptr && as_value(value_)->IsArray();
}

std::string_view Json::text() const noexcept {
    return is_text() ? std::string_view{as_value(value_)->GetString(), as_value(value_)->GetStringLength()}
                     : std::string_view{};
}

double Json::number() const noexcept {
    return is_number() ? as_value(value_)->GetDouble() : 0;
}

std::uint64_t Json::count() const noexcept {
    return value_ != nullptr && as_value(value_)->IsUint64() ? as_value(value_)->GetUint64() : 0;
}

bool Json::flag() const noexcept {
    return value_ != nullptr && as_value(value_)->IsTrue();
}

std::size_t Json::size() const noexcept {
    if (is_array()) {
        return as_value(value_)->Size();
    }
    return is_object() ? as_value(value_)->MemberCount() : 0;
}

void Json::each_item(const std::function<void(Json)>& visit) const {
    if (is_array()) {
        for (const Value& item : as_value(value_)->GetArray()) {
            visit(Json{&item});
        }
    }
}

void Json::each_member(const std::function<void(std::string_view, Json)>& visit) const {
    if (is_object()) {
        for (const auto& member : as_value(value_)->GetObject()) {
            visit({member.name.GetString(), member.name.GetStringLength()}, Json{&member.value});
        }
    }
}

std::string Json::plain() const {
    if (is_null()) {
        return "-";
    }
    if (is_text()) {
        return text().empty() ? "-" : std::string{text()};
    }
    if (is_number()) {
        return number_text(*as_value(value_));
    }
    if (as_value(value_)->IsBool()) {
        return flag() ? "yes" : "no";
    }
    std::string out;
    each_item([&](Json item) { out += (out.empty() ? "" : ", ") + item.plain(); });
    each_member([&](std::string_view name, Json member) {
        out += (out.empty() ? "" : ", ") + std::string{name} + " " + member.plain();
    });
    return out.empty() ? "-" : out;
}

std::string Json::dump() const {
    if (value_ == nullptr) {
        return "null";
    }
    rapidjson::StringBuffer buffer;
    rapidjson::Writer<rapidjson::StringBuffer> writer{buffer};
    as_value(value_)->Accept(writer);
    return {buffer.GetString(), buffer.GetSize()};
}

struct JsonText::Impl {
    rapidjson::Document document;
    std::string error;
};

JsonText::JsonText(std::string_view text) : impl_{std::make_unique<Impl>()} {
    constexpr unsigned flags = rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag;
    const auto tell = [&](std::size_t offset, const char* what) {
        impl_->error = "at byte " + std::to_string(offset) + ": " + what;
    };
    DepthCheck depth;
    rapidjson::Reader reader;
    rapidjson::MemoryStream first{text.data(), text.size()};
    if (!reader.Parse<flags>(first, depth)) {
        tell(reader.GetErrorOffset(), reader.GetParseErrorCode() == rapidjson::kParseErrorTermination
                                          ? "nested too deeply"
                                          : rapidjson::GetParseError_En(reader.GetParseErrorCode()));
        return;
    }
    impl_->document.Parse<flags>(text.data(), text.size());
    if (impl_->document.HasParseError()) {
        tell(impl_->document.GetErrorOffset(), rapidjson::GetParseError_En(impl_->document.GetParseError()));
    } else if (!impl_->document.IsObject() && !impl_->document.IsArray()) {
        tell(0, "expected an object or an array");
    }
}

JsonText::~JsonText() = default;
JsonText::JsonText(JsonText&&) noexcept = default;
JsonText& JsonText::operator=(JsonText&&) noexcept = default;

bool JsonText::ok() const noexcept {
    return impl_->error.empty();
}
std::string JsonText::error() const {
    return impl_->error;
}
Json JsonText::root() const noexcept {
    return ok() ? Json{&impl_->document} : Json{};
}

// ---- writing ----

void JsonWriter::separate() {
    if (!first_ && !out_.empty() && out_.back() != ':') {
        out_ += ',';
    }
    first_ = false;
}

JsonWriter& JsonWriter::open(char bracket) {
    separate();
    out_ += bracket;
    first_ = true;
    return *this;
}

JsonWriter& JsonWriter::close(char bracket) {
    out_ += bracket;
    first_ = false;
    return *this;
}

JsonWriter& JsonWriter::key(std::string_view name) {
    text(name);
    out_ += ':';
    return *this;
}

JsonWriter& JsonWriter::text(std::string_view value) {
    separate();
    rapidjson::StringBuffer buffer;
    rapidjson::Writer<rapidjson::StringBuffer> writer{buffer};
    writer.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
    out_.append(buffer.GetString(), buffer.GetSize());
    return *this;
}

JsonWriter& JsonWriter::number(double value) {
    separate();
    std::array<char, 32> text{};
    const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), value);
    out_ += std::isfinite(value) ? std::string{text.data(), end} : "null";
    return *this;
}

JsonWriter& JsonWriter::integer(std::int64_t value) {
    separate();
    out_ += std::to_string(value);
    return *this;
}

JsonWriter& JsonWriter::flag(bool value) {
    separate();
    out_ += value ? "true" : "false";
    return *this;
}

JsonWriter& JsonWriter::raw(std::string_view json) {
    separate();
    out_ += json;
    return *this;
}

}  // namespace ballast::cli
