#include "controller/core/destinations.hpp"

#include <algorithm>

#include "policy/planner/transfer.hpp"

namespace ballast::controller {
namespace {

constexpr double block_bytes = 4096;
constexpr double bytes_per_gib = 1024.0 * 1024.0 * 1024.0;
constexpr double bits_per_byte = 8;
constexpr double bits_per_megabit = 1e6;
// A block's key, cut and coded, and what is answered to it (docs/image_transfer.md).
constexpr double key_bytes = 3;
// Connections, greetings, questions about keys and the hand-over wait for each other so often.
constexpr double round_trips = 20;
// Beside the round in which the bytes travel the source reads its images once for their indexes, once in the
// round that finds little changed, and once while the guest stands still (docs/wan_migration.md).
constexpr double other_readings = 3;

double seconds_of(double bytes, double bytes_per_second) noexcept {
    return bytes_per_second > 0 ? bytes / bytes_per_second : 0;
}

// All of it is written and read back; what the host has already is read from its own images as well. A disk
// to which no image has come yet is taken to write as fast as it reads.
double seconds_of_writing(double data_bytes, double share, const HostImages& there) noexcept {
    const double read_seconds = seconds_of(data_bytes, there.read_bytes_per_second);
    const double written_seconds = there.write_bytes_per_second > 0
                                       ? seconds_of(data_bytes, there.write_bytes_per_second)
                                       : 2 * read_seconds;
    return written_seconds + share * read_seconds;
}

}  // namespace

void estimate(const ImageFacts& images, const HostImages& there, const GuestTransfer& guest,
              Destination& out) noexcept {
    const double link_mbps = out.bandwidth_mbps;
    const double image_mbps =
        guest.image_limit_mbps == 0 ? link_mbps : std::min(link_mbps, double(guest.image_limit_mbps));
    out.images_known = images.known;
    if (images.known) {
        const auto distinct = static_cast<double>(images.distinct_blocks);
        out.share = image::estimate_share(images.sample, there.sample);
        const double missing_bytes = distinct * (1 - out.share) * block_bytes;
        const double wire_bytes = missing_bytes * images.compressed + distinct * key_bytes;
        out.missing_bytes = static_cast<std::uint64_t>(missing_bytes);
        out.image_wire_bytes = static_cast<std::uint64_t>(wire_bytes);
        const double wire_seconds = wire_bytes * bits_per_byte / (image_mbps * bits_per_megabit);
        const double data_bytes = static_cast<double>(images.data_blocks) * block_bytes;
        out.read_seconds = seconds_of(data_bytes, images.read_bytes_per_second);
        out.write_seconds = seconds_of_writing(data_bytes, out.share, there);
        out.image_seconds =
            std::max({wire_seconds, out.read_seconds, out.write_seconds}) + other_readings * out.read_seconds;
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
