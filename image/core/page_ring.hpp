// The pages that both ends of a transfer of memory keep: the last ones that travelled whole. The source finds
// a page among them, the destination takes it by its place. Memory is given by the caller, once.
#pragma once

#include <algorithm>
#include <cstring>
#include <optional>
#include <span>

#include "image/core/page_finder.hpp"

namespace ballast::image {

using PageView = std::span<const std::byte, page_bytes>;

// Places are taken in turns, so that both ends agree on them without a word.
class PageRing {
  public:
    // REQUIRES: a positive multiple of page_bytes.
    explicit PageRing(std::span<std::byte> memory) noexcept : memory_{memory} {}

    std::uint32_t capacity_pages() const noexcept {
        return static_cast<std::uint32_t>(memory_.size() / page_bytes);
    }
    // The place that the page has until capacity_pages() further ones have come.
    std::uint32_t keep(PageView page) noexcept {
        const std::uint32_t place = next_;
        std::memcpy(memory_.data() + std::size_t{place} * page_bytes, page.data(), page_bytes);
        next_ = next_ + 1 == capacity_pages() ? 0 : next_ + 1;
        filled_ = std::max(filled_, place + 1);
        return place;
    }
    // REQUIRES: holds(place).
    PageView at(std::uint32_t place) const noexcept {
        return PageView{memory_.data() + std::size_t{place} * page_bytes, page_bytes};
    }
    bool holds(std::uint32_t place) const noexcept { return place < filled_; }

  private:
    std::span<std::byte> memory_;
    std::uint32_t next_ = 0;
    std::uint32_t filled_ = 0;
};

// The source's: finds pages by a fingerprint, and compares them, so that a wrong fingerprint costs a find and
// nothing else.
class KnownPages {
  public:
    // `table`: places by fingerprint; four times the ring's pages lose few finds. REQUIRES: a power of two.
    KnownPages(std::span<std::byte> memory, std::span<std::uint32_t> table) noexcept
        : ring_{memory}, table_{table} {}

    std::uint32_t capacity_pages() const noexcept { return ring_.capacity_pages(); }
    std::optional<std::uint32_t> find(std::uint64_t fingerprint, PageView page) const noexcept {
        const std::uint32_t place = table_[slot(fingerprint)];
        const bool same =
            ring_.holds(place) && std::memcmp(ring_.at(place).data(), page.data(), page_bytes) == 0;
        return same ? std::optional{place} : std::nullopt;
    }
    void keep(std::uint64_t fingerprint, PageView page) noexcept {
        table_[slot(fingerprint)] = ring_.keep(page);
    }

  private:
    std::size_t slot(std::uint64_t fingerprint) const noexcept { return fingerprint & (table_.size() - 1); }

    PageRing ring_;
    std::span<std::uint32_t> table_;
};

}  // namespace ballast::image
