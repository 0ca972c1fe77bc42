#include "controller/http/json_out.hpp"

#include <rapidjson/writer.h>

#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstring>

namespace ballast::controller::http {

namespace {

// RapidJSON's output stream: collects in a block of its own and appends that to a bounded string.
class BlockStream {
  public:
    using Ch = char;

    BlockStream(std::string& out, std::size_t bytes_max) : out_{out}, bytes_max_{bytes_max} {}

    void Put(char c) {
        if (used_ == block_.size()) {
            Flush();
        }
        block_[used_++] = c;
    }
    void put(std::string_view text) {
        if (text.size() > block_.size() - used_) {
            Flush();
            if (text.size() > block_.size()) {
                append(text);
                return;
            }
        }
        std::memcpy(block_.data() + used_, text.data(), text.size());
        used_ += text.size();
    }
    // What has been written is in the string.
    void Flush() {
        append({block_.data(), used_});
        used_ = 0;
    }
    bool overflowed() const noexcept { return overflowed_ || used_ > bytes_max_ - out_.size(); }

  private:
    void append(std::string_view text) {
        const std::size_t room = bytes_max_ - out_.size();
        overflowed_ = overflowed_ || text.size() > room;
        out_.append(text.substr(0, room));
    }

    std::string& out_;
    std::size_t bytes_max_;
    std::size_t used_ = 0;
    bool overflowed_ = false;
    std::array<char, 4096> block_;
};

// RapidJSON's writer, with short ways for what most of an answer is made of: text that needs no escape, whole
// numbers and thousandths.
class BlockWriter : public rapidjson::Writer<BlockStream> {
  public:
    explicit BlockWriter(BlockStream& stream) : Writer{stream} {}

    void plain_text(std::string_view text) {
        Prefix(rapidjson::kStringType);
        os_->Put('"');
        os_->put(text);
        os_->Put('"');
    }
    void digits(std::string_view text) {
        Prefix(rapidjson::kNumberType);
        os_->put(text);
    }
};

// Not 0 when one of eight characters is one that JSON does not write as it is. (A byte below n of a word x is
// in (x - n) & ~x & 0x80; a borrow may add a wrong one only above a right one.)
std::uint64_t special_among(std::uint64_t eight) noexcept {
    constexpr std::uint64_t each = 0x0101010101010101U;
    constexpr std::uint64_t high_bits = each * 0x80;
    const auto below = [](std::uint64_t bytes, std::uint64_t n) { return (bytes - each * n) & ~bytes; };
    return (below(eight, 0x20) | below(eight ^ each * '"', 1) | below(eight ^ each * '\\', 1) | eight) &
           high_bits;
}

bool needs_no_escape(std::string_view text) noexcept {
    std::uint64_t special = 0;
    for (; text.size() >= sizeof(std::uint64_t); text.remove_prefix(sizeof(std::uint64_t))) {
        std::uint64_t eight = 0;
        std::memcpy(&eight, text.data(), sizeof eight);
        special |= special_among(eight);
    }
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        special |= static_cast<unsigned>(byte < 0x20) | static_cast<unsigned>(byte >= 0x80) |
                   static_cast<unsigned>(byte == '"') | static_cast<unsigned>(byte == '\\');
    }
    return special == 0;
}

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

TimeText rfc3339_text(WallTime time) noexcept {
    constexpr std::int64_t day_ms = 86'400'000;
    constexpr std::int64_t year_10000_ms = 253'402'300'800'000;
    const std::int64_t at = time.unix_ms >= 0 && time.unix_ms < year_10000_ms ? time.unix_ms : 0;
    const std::chrono::year_month_day date{std::chrono::sys_days{std::chrono::days{at / day_ms}}};
    std::array<char, 24> text{"0000-00-00T00:00:00.000"};
    text.back() = 'Z';
    const auto put = [&text](std::size_t end, std::int64_t number) {
        for (; number != 0; number /= 10) {
            text[--end] = static_cast<char>('0' + number % 10);
        }
    };
    put(4, int{date.year()});
    put(7, unsigned{date.month()});
    put(10, unsigned{date.day()});
    put(13, at / 3'600'000 % 24);
    put(16, at / 60'000 % 60);
    put(19, at / 1000 % 60);
    put(23, at % 1000);
    return TimeText{std::string_view{text.data(), text.size()}};
}

std::string rfc3339(WallTime time) {
    return std::string{rfc3339_text(time).view()};
}

struct JsonOut::Impl {
    Impl(std::string& out, std::size_t bytes_max) : stream{out, bytes_max}, writer{stream} {}
    template <class Integer>
    void integer(Integer value) {
        std::array<char, 24> text;
        const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
        writer.digits({text.data(), static_cast<std::size_t>(end - text.data())});
    }
    // As briefly as it goes: 250 is "0.25".
    void thousandths(std::int64_t value) {
        std::array<char, 24> text;
        char* end = text.data();
        if (value < 0) {
            *end++ = '-';
        }
        const auto positive = static_cast<std::uint64_t>(value < 0 ? -value : value);
        end = std::to_chars(end, text.data() + text.size(), positive / 1000).ptr;
        auto rest = static_cast<unsigned>(positive % 1000);
        if (rest != 0) {
            *end++ = '.';
        }
        for (unsigned unit = 100; rest != 0; unit /= 10) {
            *end++ = static_cast<char>('0' + rest / unit);
            rest %= unit;
        }
        writer.digits({text.data(), static_cast<std::size_t>(end - text.data())});
    }
    BlockStream stream;
    BlockWriter writer;
};

JsonOut::JsonOut(std::string& out, std::size_t bytes_max) : impl_{std::make_unique<Impl>(out, bytes_max)} {}
JsonOut::~JsonOut() = default;

void JsonOut::object() {
    impl_->writer.StartObject();
}
void JsonOut::end_object() {
    impl_->writer.EndObject();  // flushes, of a whole document
}
void JsonOut::array() {
    impl_->writer.StartArray();
}
void JsonOut::end_array() {
    impl_->writer.EndArray();
}
void JsonOut::key(std::string_view name) {
    impl_->writer.plain_text(name);
}
void JsonOut::text(std::string_view value) {
    if (needs_no_escape(value)) {
        impl_->writer.plain_text(value);
    } else {
        const std::string valid = repaired(value);
        impl_->writer.String(valid.data(), static_cast<rapidjson::SizeType>(valid.size()));
    }
}
void JsonOut::integer(std::int64_t value) {
    impl_->integer(value);
}
void JsonOut::integer(std::uint64_t value) {
    impl_->integer(value);
}
void JsonOut::number(double value) {
    constexpr double exact_below = 1e12;  // beyond, a double has no three decimals left
    if (!std::isfinite(value)) {
        impl_->writer.Null();
    } else if (std::abs(value) < exact_below) {
        impl_->thousandths(std::llround(value * 1000));
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
    impl_->stream.Flush();
    impl_->writer.Reset(impl_->stream);
}
bool JsonOut::overflowed() const noexcept {
    return impl_->stream.overflowed();
}

void JsonOut::member(std::string_view name, WallTime value) {
    if (value.unix_ms != 0) {
        key(name);
        text(rfc3339_text(value));
    }
}

}  // namespace ballast::controller::http
