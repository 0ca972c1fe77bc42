#include "controller/core/destinations.hpp"

#include <algorithm>

#include "policy/planner/transfer.hpp"

namespace ballast::controller {
namespace {

constexpr double block_bytes = 4096;
constexpr double bytes_per_gib = 1024.0 * 1024.0 * 1024.0;
constexpr double bits_per_byte = 8;
constexpr double bits_per_megabit = 1e6;
constexpr double ms_per_second = 1000;
// A block's key, cut and coded, and what is answered to it (docs/image_transfer.md).
constexpr double key_bytes = 3;
// Connections, greetings, questions about keys and the hand-over wait for each other so often.
constexpr double round_trips = 20;

}  // namespace

void estimate(const ImageFacts& images, const image::SketchView& there, const GuestTransfer& guest,
              Destination& out) noexcept {
    const double link_mbps = out.bandwidth_mbps;
    const double image_mbps =
        guest.image_limit_mbps == 0 ? link_mbps : std::min(link_mbps, double(guest.image_limit_mbps));
    out.images_known = images.known;
    if (images.known) {
        const auto distinct = static_cast<double>(images.distinct_blocks);
        out.share = image::estimate_share(images.sample, there);
        const double missing_bytes = distinct * (1 - out.share) * block_bytes;
        const double wire_bytes = missing_bytes * images.compressed + distinct * key_bytes;
        out.missing_bytes = static_cast<std::uint64_t>(missing_bytes);
        out.image_wire_bytes = static_cast<std::uint64_t>(wire_bytes);
        out.image_seconds = wire_bytes * bits_per_byte / (image_mbps * bits_per_megabit);
    }
    const policy::planner::Transfer memory = policy::planner::estimate_transfer(
        static_cast<double>(guest.memory_mib), guest.dirty_mib_per_second, link_mbps);
    out.memory_bytes = static_cast<std::uint64_t>(memory.sent_gib * bytes_per_gib);
    out.memory_seconds = memory.seconds;
    out.seconds = out.image_seconds + out.memory_seconds + round_trips * out.latency_ms / ms_per_second;
}

bool better(const Destination& a, const Destination& b) noexcept {
    if (a.possible != b.possible) {
        return a.possible;
    }
    if (a.possible && a.seconds != b.seconds) {
        return a.seconds < b.seconds;
    }
    if (a.possible && a.cpu != b.cpu) {
        return a.cpu < b.cpu;
    }
    return a.host < b.host;
}

}  // namespace ballast::controller
