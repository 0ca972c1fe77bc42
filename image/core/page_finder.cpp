#include "image/core/page_finder.hpp"

#include <algorithm>
#include <cstring>
#include <string_view>

#include "image/core/bytes.hpp"

namespace ballast::image {
namespace {

constexpr std::string_view xen_magic = "Xen saved domain";
static_assert(xen_magic.size() == stream_magic_bytes);
constexpr std::string_view libxl_ident = "LibxlFmt";

constexpr std::size_t xl_head_bytes = 48;  // its last 4 say how long the configuration behind it is
constexpr std::size_t libxl_head_bytes = 16;
constexpr std::size_t libxc_head_bytes = 24 + 16;  // image header and domain header
constexpr std::size_t record_head_bytes = 8;
constexpr std::size_t record_alignment = 8;
constexpr std::size_t page_number_bytes = 8;

constexpr std::uint32_t libxl_libxc_context = 1;
constexpr std::uint32_t libxl_end = 0;
constexpr std::uint32_t libxc_end = 0;
constexpr std::uint32_t libxc_page_data = 1;
constexpr std::uint32_t libxc_id = 0x464E4558;  // "XENF", big-endian
constexpr std::uint16_t page_shift = 12;
// The top four bits of a page's number are its type; these have no content: broken, allocate only, invalid.
constexpr std::uint64_t type_without_content_min = 13;
constexpr unsigned type_shift = 60;

bool starts_with(std::span<const std::byte> bytes, std::string_view text) noexcept {
    return std::memcmp(bytes.data(), text.data(), text.size()) == 0;
}

// Version 2 or 3, little-endian, pages of 4 KiB.
bool is_libxc_head(std::span<const std::byte> head) noexcept {
    FieldReader fields{head};
    const auto marker = fields.get<std::uint64_t>();
    const auto id = fields.get<std::uint32_t>();
    const std::uint32_t version = __builtin_bswap32(fields.get<std::uint32_t>());
    const auto options = fields.get<std::uint16_t>();
    fields.take(6 + 4);  // reserved; the type of the guest
    const auto shift = fields.get<std::uint16_t>();
    return ~marker == 0 && id == libxc_id && (version == 2 || version == 3) && options == 0 &&
           shift == page_shift;
}

}  // namespace

bool XenPageFinder::begins(std::span<const std::byte, stream_magic_bytes> magic) noexcept {
    return starts_with(magic, xen_magic);
}

PageFinder::Next XenPageFinder::next() const noexcept {
    switch (at_) {
        case At::image_head: return {Kind::head, xl_head_bytes};
        case At::libxl_head: return {Kind::head, libxl_head_bytes};
        case At::libxl_record:
        case At::libxc_record:
        case At::page_data_head: return {Kind::head, record_head_bytes};
        case At::libxc_head: return {Kind::head, libxc_head_bytes};
        case At::page_numbers:
            return {Kind::head,
                    std::min<std::uint64_t>(numbers_left_ * page_number_bytes, page_head_bytes_max)};
        case At::pages: return {Kind::page, page_bytes};
        case At::configuration:
        case At::libxl_body:
        case At::libxc_body: return {Kind::opaque, left_};
        case At::unknown: break;
    }
    return {};
}

void XenPageFinder::enter_opaque(At at, At after, std::uint64_t bytes) noexcept {
    at_ = bytes == 0 ? after : at;
    after_ = after;
    left_ = bytes;
}

void XenPageFinder::passed(std::uint64_t bytes) noexcept {
    if (at_ == At::unknown) {
        return;
    }
    left_ -= std::min(bytes, left_);
    if (left_ == 0) {
        at_ = at_ == At::pages ? At::libxc_record : after_;
    }
}

void XenPageFinder::take(std::span<const std::byte> head) noexcept {
    switch (at_) {
        case At::image_head: {
            FieldReader fields{head.subspan(xl_head_bytes - 4)};
            enter_opaque(At::configuration, At::libxl_head, fields.get<std::uint32_t>());
            break;
        }
        case At::libxl_head: at_ = starts_with(head, libxl_ident) ? At::libxl_record : At::unknown; break;
        case At::libxl_record: take_record(head, false); break;
        case At::libxc_head: at_ = is_libxc_head(head) ? At::libxc_record : At::unknown; break;
        case At::libxc_record: take_record(head, true); break;
        case At::page_data_head: take_page_data_head(head); break;
        case At::page_numbers: take_page_numbers(head); break;
        case At::configuration:
        case At::libxl_body:
        case At::libxc_body:
        case At::pages:
        case At::unknown: break;
    }
}

void XenPageFinder::take_record(std::span<const std::byte> head, bool of_libxc) noexcept {
    FieldReader fields{head};
    const auto type = fields.get<std::uint32_t>();
    const auto length = fields.get<std::uint32_t>();
    const std::uint64_t padded =
        (std::uint64_t{length} + record_alignment - 1) / record_alignment * record_alignment;
    if (!of_libxc) {
        if (type == libxl_libxc_context && length == 0) {
            at_ = At::libxc_head;
        } else if (type == libxl_end) {
            at_ = At::unknown;
        } else {
            enter_opaque(At::libxl_body, At::libxl_record, padded);
        }
    } else if (type == libxc_end) {
        memory_over_ = true;
        enter_opaque(At::libxc_body, At::libxl_record, padded);
    } else if (type == libxc_page_data && length % record_alignment == 0 && length >= record_head_bytes) {
        at_ = At::page_data_head;
        record_left_ = length - record_head_bytes;
    } else {
        enter_opaque(At::libxc_body, At::libxc_record, padded);
    }
}

void XenPageFinder::take_page_data_head(std::span<const std::byte> head) noexcept {
    numbers_left_ = FieldReader{head}.get<std::uint32_t>();
    pages_ = 0;
    if (numbers_left_ == 0 || numbers_left_ * page_number_bytes > record_left_) {
        enter_opaque(At::libxc_body, At::libxc_record, record_left_);
        return;
    }
    record_left_ -= numbers_left_ * page_number_bytes;
    at_ = At::page_numbers;
}

void XenPageFinder::take_page_numbers(std::span<const std::byte> head) noexcept {
    FieldReader fields{head};
    while (fields.left() != 0) {
        pages_ += fields.get<std::uint64_t>() >> type_shift < type_without_content_min ? 1 : 0;
        --numbers_left_;
    }
    if (numbers_left_ != 0) {
        return;
    }
    const bool as_promised = pages_ * page_bytes == record_left_;
    enter_opaque(as_promised ? At::pages : At::libxc_body, At::libxc_record, record_left_);
}

}  // namespace ballast::image
