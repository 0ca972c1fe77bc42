// Whether the records of an image come in an order in which a transfer can have gone. Pure.
#pragma once

#include <cstdint>

#include "xen_glue/sim/image_codec.hpp"

namespace ballast::sim {

class ImageOrder {
  public:
    explicit ImageOrder(std::uint64_t memory_pages) noexcept : memory_pages_{memory_pages} {}

    // Each says whether this record may come next.
    bool pages(const PagesHead& head) noexcept;
    bool suspended() noexcept;
    bool end(const EndRecord& end) noexcept;

    std::uint32_t round() const noexcept { return round_; }
    bool guest_suspended() const noexcept { return suspended_; }
    std::uint64_t pages_total() const noexcept { return pages_total_; }
    // How much of the whole has come: the first round is 900, what follows the suspension the rest.
    std::uint32_t permille() const noexcept;

  private:
    std::uint64_t memory_pages_;
    std::uint64_t pages_total_ = 0;
    std::uint64_t round_pages_ = 0;
    std::uint32_t round_ = 0;
    std::uint32_t live_rounds_ = 0;  // that had begun when the guest was suspended
    bool suspended_ = false;
    bool ended_ = false;
};

}  // namespace ballast::sim
