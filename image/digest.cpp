#include "image/digest.hpp"

#include "image/core/bytes.hpp"
#include "image/core/zero.hpp"

namespace ballast::image {
namespace {

// What a digest speaks of comes first in it: none can stand for one of another kind.
constexpr std::uint8_t domain_segment = 1;
constexpr std::uint8_t domain_zeros = 2;
constexpr std::uint8_t domain_image = 3;
constexpr std::uint8_t domain_pages = 4;

}  // namespace

void Digester::begin(std::uint8_t domain, std::uint64_t number) {
    std::array<std::byte, 9> head;
    FieldWriter fields{head};
    fields.put(domain);
    fields.put(number);
    mac_.add(head);
}

Digest Digester::of_segment(std::uint64_t number, std::span<const std::byte> content) {
    if (all_zero(content)) {
        return of_zeros(number, static_cast<std::uint32_t>(content.size()));
    }
    begin(domain_segment, number);
    mac_.add(content);
    return mac_.finish();
}

Digest Digester::of_zeros(std::uint64_t number, std::uint32_t length) {
    begin(domain_zeros, number);
    std::array<std::byte, 4> bytes;
    FieldWriter{bytes}.put(length);
    mac_.add(bytes);
    return mac_.finish();
}

void Digester::begin_image(std::uint64_t image_bytes) {
    begin(domain_image, image_bytes);
}
void Digester::add_segment(const Digest& digest) {
    mac_.add(digest);
}
Digest Digester::end_image() {
    return mac_.finish();
}

void Digester::begin_pages(std::uint64_t unit) {
    begin(domain_pages, unit);
}
void Digester::add_page(std::span<const std::byte> page) {
    mac_.add(page);
}
Digest Digester::end_pages() {
    return mac_.finish();
}

}  // namespace ballast::image
