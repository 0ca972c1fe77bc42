#include "image/digest.hpp"

#include <algorithm>
#include <array>

#include "base/assert.hpp"
#include "image/core/bytes.hpp"
#include "image/core/zero.hpp"

namespace ballast::image {
namespace {

// What a digest speaks of comes first in it: none can stand for one of another kind.
constexpr std::uint8_t domain_segment = 5;
constexpr std::uint8_t domain_zeros = 2;
constexpr std::uint8_t domain_image = 3;
constexpr std::uint8_t domain_pages = 4;
constexpr std::uint8_t domain_leaf_key = 6;

using Block = std::array<std::byte, sha256_block_bytes>;

Sha256Places everywhere(const Block& block) {
    Sha256Places places;
    places.fill(block.data());
    return places;
}

Sha256Places turn_at(const std::byte* rows, std::size_t stride) {
    constexpr std::size_t in_row = leaf_row_bytes / leaf_piece_bytes;
    Sha256Places places;
    for (std::size_t lane = 0; lane < places.size(); ++lane) {
        places[lane] = rows + lane / in_row * stride + lane % in_row * leaf_piece_bytes;
    }
    return places;
}

bool rows_all_zero(const std::byte* rows, std::size_t bytes, std::size_t stride) {
    for (std::size_t at = 0; at < bytes; at += leaf_row_bytes) {
        if (!all_zero({rows + at / leaf_row_bytes * stride, std::min(bytes - at, leaf_row_bytes)})) {
            return false;
        }
    }
    return true;
}

// SHA-256 writes its numbers with the highest byte first.
template <class Number>
void put_reversed(Number number, std::span<std::byte> out) {
    for (std::size_t i = sizeof number; i-- > 0; number = static_cast<Number>(number >> 8)) {
        out[i] = static_cast<std::byte>(number);
    }
}

// What ends a message of so many bytes, which fill whole blocks.
Block padding_of(std::uint64_t bytes) {
    Block block{};
    block[0] = std::byte{0x80};
    put_reversed(static_cast<std::uint32_t>(bytes * 8), std::span{block}.last(4));
    return block;
}

}  // namespace

Digester::Digester(const TransferKey& key, Sha256Kernel kernel)
    : mac_{key}, kernel_{kernel}, keyed_{sha256_start()}, leaves_{keyed_} {
    begin(domain_leaf_key, 0);
    const Digest leaf_key = mac_.finish();
    Block block{};
    std::copy(leaf_key.begin(), leaf_key.end(), block.begin());
    sha256_blocks(kernel_, keyed_, everywhere(block), 1);
}

// The last turn is filled up with zeros.
void Digester::add_turns(const std::byte* rows, std::size_t bytes, std::size_t stride) {
    constexpr std::size_t blocks = leaf_piece_bytes / sha256_block_bytes;
    for (; bytes >= leaf_turn_bytes; bytes -= leaf_turn_bytes) {
        sha256_blocks(kernel_, leaves_, turn_at(rows, stride), blocks);
        rows += leaf_turn_bytes / leaf_row_bytes * stride;
    }
    if (bytes > 0) {
        std::array<std::byte, leaf_turn_bytes> last{};
        for (std::size_t at = 0; at < bytes; at += leaf_row_bytes) {
            std::copy_n(rows + at / leaf_row_bytes * stride, std::min(bytes - at, leaf_row_bytes),
                        last.data() + at);
        }
        sha256_blocks(kernel_, leaves_, turn_at(last.data(), leaf_row_bytes), blocks);
    }
}

void Digester::begin_segment() noexcept {
    leaves_ = keyed_;
    segment_bytes_ = 0;
    only_zeros_ = true;
}

void Digester::add_rows(const std::byte* rows, std::size_t bytes, std::size_t stride) {
    BALLAST_ASSERT(segment_bytes_ % leaf_turn_bytes == 0);
    if (only_zeros_ && !rows_all_zero(rows, bytes, stride)) {
        only_zeros_ = false;
        static constexpr std::array<std::byte, leaf_turn_bytes> zeros{};
        for (std::uint32_t at = 0; at < segment_bytes_; at += leaf_turn_bytes) {
            add_turns(zeros.data(), zeros.size(), leaf_row_bytes);
        }
    }
    if (!only_zeros_) {
        add_turns(rows, bytes, stride);
    }
    segment_bytes_ += static_cast<std::uint32_t>(bytes);
}

Digest Digester::end_segment(std::uint64_t number) {
    if (only_zeros_) {
        return of_zeros(number, segment_bytes_);
    }
    begin(domain_segment, number);
    std::array<std::byte, 4> length;
    FieldWriter{length}.put(segment_bytes_);
    mac_.add(length);
    const std::uint64_t turns = (segment_bytes_ + leaf_turn_bytes - 1) / leaf_turn_bytes;
    const Block padding = padding_of(sha256_block_bytes + turns * leaf_piece_bytes);
    sha256_blocks(kernel_, leaves_, everywhere(padding), 1);
    for (std::size_t lane = 0; lane < sha256_lanes; ++lane) {
        Digest leaf;
        for (std::size_t i = 0; i < leaves_.words.size(); ++i) {
            put_reversed(leaves_.words[i][lane], std::span{leaf}.subspan(4 * i, 4));
        }
        mac_.add(leaf);
    }
    return mac_.finish();
}

void Digester::begin(std::uint8_t domain, std::uint64_t number) {
    std::array<std::byte, 9> head;
    FieldWriter fields{head};
    fields.put(domain);
    fields.put(number);
    mac_.add(head);
}

Digest Digester::of_segment(std::uint64_t number, std::span<const std::byte> content) {
    begin_segment();
    add_piece(content);
    return end_segment(number);
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
