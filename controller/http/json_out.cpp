#include "controller/http/json_out.hpp"

#include <rapidjson/writer.h>

#include <cmath>
#include <ctime>

namespace ballast::controller::http {

namespace {

// RapidJSON's output stream over a bounded string.
struct BoundedStream {
    using Ch = char;
    std::string& out;
    std::size_t bytes_max;
    bool overflowed = false;

    void Put(char c) {
        if (out.size() < bytes_max) {
            out.push_back(c);
        } else {
            overflowed = true;
        }
    }
    void Flush() {}
};

// Length of the UTF-8 sequence at the start of `text`, 0 when it is none (overlong, surrogate, cut or stray
// bytes).
std::size_t utf8_length(std::string_view text) noexcept {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char lead = byte(0);
    const std::size_t length = lead < 0x80   ? 1
                               : lead < 0xc2 ? 0
                               : lead < 0xe0 ? 2
                               : lead < 0xf0 ? 3
                               : lead < 0xf5 ? 4
                                             : 0;
    if (length == 0 || length > text.size()) {
        return 0;
    }
    for (std::size_t i = 1; i < length; ++i) {
        if ((byte(i) & 0xc0) != 0x80) {
            return 0;
        }
    }
    const bool overlong = (lead == 0xe0 && byte(1) < 0xa0) || (lead == 0xf0 && byte(1) < 0x90);
    const bool surrogate = lead == 0xed && byte(1) >= 0xa0;
    const bool beyond = lead == 0xf4 && byte(1) >= 0x90;
    return overlong || surrogate || beyond ? 0 : length;
}

bool plain_ascii(std::string_view text) noexcept {
    for (const char c : text) {
        if (static_cast<unsigned char>(c) >= 0x80) {
            return false;
        }
    }
    return true;
}

std::string repaired(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        const std::size_t length = utf8_length(text);
        if (length == 0) {
            out += "\xef\xbf\xbd";
            text.remove_prefix(1);
        } else {
            out += text.substr(0, length);
            text.remove_prefix(length);
        }
    }
    return out;
}

}  // namespace

std::string rfc3339(WallTime time) {
    const std::time_t whole_seconds = static_cast<std::time_t>(time.unix_ms / 1000);
    std::tm parts{};
    if (gmtime_r(&whole_seconds, &parts) == nullptr) {
        return "1970-01-01T00:00:00.000Z";
    }
    char text[40];
    const std::size_t length = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
    const std::int64_t thousandths = time.unix_ms % 1000;
    std::string out{text, length};
    out += '.';
    for (const std::int64_t divisor : {100, 10, 1}) {
        out += static_cast<char>('0' + thousandths / divisor % 10);
    }
    return out += 'Z';
}

struct JsonOut::Impl {
    Impl(std::string& out, std::size_t bytes_max) : stream{out, bytes_max}, writer{stream} {}
    BoundedStream stream;
    rapidjson::Writer<BoundedStream> writer;
};

JsonOut::JsonOut(std::string& out, std::size_t bytes_max) : impl_{std::make_unique<Impl>(out, bytes_max)} {}
JsonOut::~JsonOut() = default;

void JsonOut::object() {
    impl_->writer.StartObject();
}
void JsonOut::end_object() {
    impl_->writer.EndObject();
}
void JsonOut::array() {
    impl_->writer.StartArray();
}
void JsonOut::end_array() {
    impl_->writer.EndArray();
}
void JsonOut::key(std::string_view name) {
    impl_->writer.Key(name.data(), static_cast<rapidjson::SizeType>(name.size()));
}
void JsonOut::text(std::string_view value) {
    if (plain_ascii(value)) {
        impl_->writer.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
    } else {
        const std::string valid = repaired(value);
        impl_->writer.String(valid.data(), static_cast<rapidjson::SizeType>(valid.size()));
    }
}
void JsonOut::integer(std::int64_t value) {
    impl_->writer.Int64(value);
}
void JsonOut::integer(std::uint64_t value) {
    impl_->writer.Uint64(value);
}
void JsonOut::number(double value) {
    constexpr double exact_below = 1e12;  // beyond, a double has no three decimals left
    if (!std::isfinite(value)) {
        impl_->writer.Null();
    } else if (std::abs(value) < exact_below) {
        const auto thousandths = std::llround(value * 1000);
        if (thousandths % 1000 == 0) {
            impl_->writer.Int64(thousandths / 1000);
        } else {
            impl_->writer.Double(static_cast<double>(thousandths) / 1000);
        }
    } else {
        impl_->writer.Double(value);
    }
}
void JsonOut::flag(bool value) {
    impl_->writer.Bool(value);
}
void JsonOut::null() {
    impl_->writer.Null();
}
void JsonOut::next_document() {
    impl_->stream.Put('\n');
    impl_->writer.Reset(impl_->stream);
}
bool JsonOut::overflowed() const noexcept {
    return impl_->stream.overflowed;
}

void JsonOut::member(std::string_view name, WallTime value) {
    if (value.unix_ms != 0) {
        key(name);
        text(rfc3339(value));
    }
}

}  // namespace ballast::controller::http
