// How hard to compress what goes over a link: as the link leaves time for.
#pragma once

#include <algorithm>
#include <cstdint>

namespace ballast::image {

// Of two levels, the strong one takes about 3.5 times as long. It costs nothing while the link would keep the
// sender waiting that long anyway, and saves a seventh of the bytes.
class Effort {
  public:
    // What one message took to compress, and then to hand to the link; and how long the destination has
    // waited for bytes since the beginning, as far as is known. Whether the other level is better from here
    // on; asked again only after as much time as a verdict rests on.
    constexpr bool changes(std::int64_t compress_ns, std::int64_t send_ns, std::int64_t starved_ns) noexcept {
        compress_ns_ += compress_ns;
        send_ns_ += send_ns;
        if (compress_ns_ + send_ns_ < verdict_ns) {
            return false;
        }
        // A destination that is busy lets the source wait, too; fewer bytes would not help it.
        const std::int64_t for_the_link =
            std::clamp(starved_ns - starved_before_ns_, std::int64_t{0}, send_ns_);
        const bool wanted =
            strong_ ? for_the_link * waits_little >= compress_ns_ : for_the_link >= compress_ns_ * waits_long;
        const bool change = wanted != strong_;
        strong_ = wanted;
        compress_ns_ = 0;
        send_ns_ = 0;
        starved_before_ns_ = starved_ns;
        return change;
    }
    constexpr bool strong() const noexcept { return strong_; }

  private:
    static constexpr std::int64_t verdict_ns = 500'000'000;
    // While compression takes longer, the link drains what the system has taken: for one that the strong
    // level just keeps busy hardly any waiting is left, and it must not fall back for that.
    static constexpr std::int64_t waits_long = 3;
    static constexpr std::int64_t waits_little = 50;

    std::int64_t compress_ns_ = 0;
    std::int64_t send_ns_ = 0;
    std::int64_t starved_before_ns_ = 0;
    bool strong_ = false;
};

}  // namespace ballast::image
