#include "xen_glue/sim/image_order.hpp"

#include <algorithm>

namespace ballast::sim {

bool ImageOrder::pages(const PagesHead& head) noexcept {
    if (ended_ || head.pages == 0 || head.pages > memory_pages_) {
        return false;
    }
    if (head.round != round_) {
        // A new round: only after a whole first one, one at a time, and at most one after the suspension.
        const bool first_is_whole = round_ > 0 || round_pages_ == memory_pages_;
        const bool rounds_left = suspended_ ? live_rounds_ == round_ + 1 : head.round < precopy_rounds_max;
        if (head.round != round_ + 1 || !first_is_whole || !rounds_left) {
            return false;
        }
        round_ = head.round;
        round_pages_ = 0;
    } else if (suspended_ && live_rounds_ == round_ + 1) {
        return false;  // more of a round that ended with the suspension
    }
    round_pages_ += head.pages;
    pages_total_ += head.pages;
    return round_pages_ <= memory_pages_;
}

bool ImageOrder::suspended() noexcept {
    // At the very beginning (stop and copy), or after at least one whole live round.
    if (ended_ || suspended_ || (pages_total_ > 0 && pages_total_ < memory_pages_)) {
        return false;
    }
    suspended_ = true;
    live_rounds_ = pages_total_ == 0 ? 0 : round_ + 1;
    return true;
}

bool ImageOrder::end(const EndRecord& end) noexcept {
    ended_ = !ended_ && suspended_ && pages_total_ >= memory_pages_ && end.pages == pages_total_;
    return ended_;
}

std::uint32_t ImageOrder::permille() const noexcept {
    const std::uint64_t first = std::min(pages_total_, memory_pages_);
    const auto first_permille =
        static_cast<std::uint32_t>(first * 900 / std::max<std::uint64_t>(memory_pages_, 1));
    if (!suspended_) {
        return first_permille;
    }
    return live_rounds_ == 0 ? first_permille / 9 + 900 : 950;
}

}  // namespace ballast::sim
