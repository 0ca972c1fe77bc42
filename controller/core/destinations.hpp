// Where a guest goes that takes its disk images along: how long each host that can take it would take to get
// it, estimated from samples of what its images and the host's hold (docs/wan_migration.md).
#pragma once

#include <cstdint>
#include <span>

#include "base/instant.hpp"
#include "base/vocabulary.hpp"
#include "controller/core/sites.hpp"
#include "image/core/similarity.hpp"
#include "policy/plan.hpp"

namespace ballast::controller {

struct Destination {
    std::uint32_t row = UINT32_MAX;  // of the table of hosts
    HostName host;
    SiteName site;  // empty: none
    bool possible = false;
    // Why not, when it is not.
    policy::Constraint constraint = policy::Constraint::host_state;
    double have = 0;
    double limit = 0;
    // The way there: the slowest of the link between the sites and both hosts' network cards.
    std::uint32_t bandwidth_mbps = 0;
    bool bandwidth_known = false;  // false: nobody says; assumed
    std::uint32_t latency_ms = 0;
    bool images_known = false;  // false: nothing is known of the images, and they count nothing below
    // Of the guest's different blocks that are not zero, the share that the host has already.
    double share = 0;
    std::uint64_t missing_bytes = 0;     // of the images
    std::uint64_t image_wire_bytes = 0;  // what travels of them, compressed, and what is said about it
    std::uint64_t memory_bytes = 0;      // sent in all rounds
    // What one reading of the images takes at the source, and writing and verifying them there; 0: nobody has
    // measured that disk.
    double read_seconds = 0;
    double write_seconds = 0;
    double image_seconds = 0;
    double memory_seconds = 0;
    double seconds = 0;  // all of it
    double cpu = 0;      // the host's utilisation with the guest
};

// What is known of the guest's images.
struct ImageFacts {
    bool known = false;  // false: never indexed; then only the memory counts
    std::uint64_t image_bytes = 0;
    std::uint64_t distinct_blocks = 0;  // of 4096 bytes, not zero
    double compressed = 1;              // what compression leaves of a block, 0 to 1
    std::uint64_t data_blocks = 0;      // with the equal ones
    double read_bytes_per_second = 0;   // of the guest's images where they are; 0: not measured
    WallTime indexed{};
    image::SketchView sample;
};

struct GuestTransfer {
    std::uint64_t memory_mib = 0;
    double dirty_mib_per_second = 0;
    std::uint32_t image_limit_mbps = 0;  // 0: none
};

// The hosts for one guest, the best first.
struct Ranking {
    std::uint32_t vm = UINT32_MAX;
    bool images_known = false;
    std::uint64_t image_bytes = 0;
    std::uint64_t distinct_blocks = 0;
    double compressed = 1;
    WallTime indexed;                    // when the oldest of its indexes was made
    std::uint32_t image_limit_mbps = 0;  // as asked for; 0: none
    std::span<const Destination> destinations{};
};

// What is known of the images that a host has.
struct HostImages {
    image::SketchView sample;
    double read_bytes_per_second = 0;   // of its disk; 0: not measured
    double write_bytes_per_second = 0;  // and read back; 0: not measured
};

// Fills in all from `share` to `seconds`. REQUIRES: bandwidth_mbps and latency_ms are set, the first above 0.
void estimate(const ImageFacts& images, const HostImages& there, const GuestTransfer& guest,
              Destination& out) noexcept;

// Whether `a` goes before `b`: possible ones first, the sooner done first, then the idler, then by name.
bool better(const Destination& a, const Destination& b) noexcept;

}  // namespace ballast::controller
