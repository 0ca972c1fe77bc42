#include "xen_glue/xen/image_header.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/assert.hpp"

namespace ballast::xen {
namespace {

// The literal's own NUL is not part of it; the one in the middle is.
constexpr std::string_view magic{"Xen saved domain, xl format\n \0 \r", 32};
constexpr std::uint32_t byte_order_mark = 0x01020304;
constexpr std::uint32_t flag_json = 1;
constexpr std::uint32_t flag_stream_v2 = 2;
constexpr std::uint32_t flags_wanted = flag_json | flag_stream_v2;

constexpr std::string_view stream_ident = "LibxlFmt";
constexpr std::uint32_t stream_version = 2;
constexpr std::uint32_t stream_options = 0;  // bit 0 big-endian, bit 1 converted from a legacy stream

static_assert(std::endian::native == std::endian::little, "images are written in the host's byte order");
static_assert(magic.size() + 4 * sizeof(std::uint32_t) == image_header_bytes);

std::uint32_t word_at(std::span<const std::byte> bytes, std::size_t offset) noexcept {
    std::uint32_t word = 0;
    std::memcpy(&word, bytes.subspan(offset, sizeof word).data(), sizeof word);
    return word;
}

std::uint32_t big_endian_at(std::span<const std::byte> bytes, std::size_t offset) noexcept {
    return __builtin_bswap32(word_at(bytes, offset));
}

bool begins_with(std::span<const std::byte> bytes, std::string_view text) noexcept {
    return std::memcmp(bytes.data(), text.data(), text.size()) == 0;
}

void append_word(std::string& out, std::uint32_t word) {
    std::array<char, sizeof word> bytes{};
    std::memcpy(bytes.data(), &word, sizeof word);
    out.append(bytes.data(), bytes.size());
}

}  // namespace

Result<ImageHeader> parse_image_header(std::span<const std::byte, image_header_bytes> bytes,
                                       std::string& why) {
    if (!begins_with(bytes, magic)) {
        why =
            "this is not the image of a saved guest: expected it to begin with \"Xen saved domain, xl "
            "format\"";
        return Err{Fault::image_corrupt};
    }
    if (const std::uint32_t order = word_at(bytes, 32); order != byte_order_mark) {
        why = fmt::format("the image was written by a host of another byte order (mark {:#010x})", order);
        return Err{Fault::image_corrupt};
    }
    if (const std::uint32_t flags = word_at(bytes, 36); flags != flags_wanted) {
        why = fmt::format(
            "the image has the mandatory flags {:#x}; expected {:#x} (JSON configuration, stream version 2)",
            flags, flags_wanted);
        return Err{Fault::image_corrupt};
    }
    // Optional flags may be ignored by definition.
    const std::uint32_t length = word_at(bytes, 44);
    if (length < sizeof(std::uint32_t) || length > image_optional_bytes_max) {
        why = fmt::format("the image's header promises {} bytes of configuration; expected {} to {}", length,
                          sizeof(std::uint32_t), image_optional_bytes_max);
        return Err{Fault::image_corrupt};
    }
    return ImageHeader{.optional_data_bytes = length};
}

Status parse_optional_data(std::span<const std::byte> bytes, std::string_view& json, std::string& why) {
    if (bytes.size() < sizeof(std::uint32_t)) {
        why = "the image's configuration has no length";
        return Err{Fault::image_corrupt};
    }
    const std::size_t length = word_at(bytes, 0);
    const std::span<const std::byte> rest = bytes.subspan(sizeof(std::uint32_t));
    if (length < 2 || length > rest.size()) {
        why = fmt::format("the image's configuration claims {} bytes of {} that are there", length,
                          rest.size());
        return Err{Fault::image_corrupt};
    }
    const std::span<const std::byte> text = rest.first(length);
    if (std::ranges::find(text, std::byte{0}) != text.end() - 1) {
        why = "the image's configuration is not one NUL-terminated text";
        return Err{Fault::image_corrupt};
    }
    json = {reinterpret_cast<const char*>(text.data()), length - 1};
    return {};
}

Status check_stream_header(std::span<const std::byte, stream_header_bytes> bytes, std::string& why) {
    if (!begins_with(bytes, stream_ident)) {
        why = "the guest's memory stream does not begin with \"LibxlFmt\"";
        return Err{Fault::image_corrupt};
    }
    const std::uint32_t version = big_endian_at(bytes, 8);
    const std::uint32_t options = big_endian_at(bytes, 12);
    if (version != stream_version || options != stream_options) {
        why = fmt::format("the guest's memory stream has version {} and options {:#x}; expected {} and {:#x}",
                          version, options, stream_version, stream_options);
        return Err{Fault::image_corrupt};
    }
    return {};
}

std::string format_image_head(std::string_view json) {
    const std::size_t config_bytes = json.size() + 1;
    BALLAST_ASSERT(config_bytes + sizeof(std::uint32_t) <= image_optional_bytes_max);
    std::string out{magic};
    append_word(out, byte_order_mark);
    append_word(out, flags_wanted);
    append_word(out, 0);
    append_word(out, static_cast<std::uint32_t>(sizeof(std::uint32_t) + config_bytes));
    append_word(out, static_cast<std::uint32_t>(config_bytes));
    out += json;
    out += '\0';
    return out;
}

}  // namespace ballast::xen
